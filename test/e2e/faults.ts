import { wait } from '../../runtime/wait.ts'
import type { Client } from './attempts.ts'
import type { LoggedCall } from './logged-calls.ts'
import type { System } from './system.ts'

/** What is done to the system while it works, and how long the calls around it take. */
export type Fault =
  | { readonly kind: 'pump killed' | 'gateway killed'; readonly trafficMs: number }
  | { readonly kind: 'redis stopped'; readonly forMs: number; readonly trafficMs: number }

/** A kill of the gateway, as the judge of its ring needs to know it. */
export interface GatewayDeath {
  readonly life: number
  /** By `performance.now()`. */
  readonly atMs: number
  /** Records that it had said to be durable, last thing before. */
  readonly durable: number
}

/** Numbers in [0, 1) that come again for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The same faults in another order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

/**
 * Makes all calls, a share of them around each fault: the fault strikes at a random call of its share, and the next
 * share begins when both are over. Resolves to how the gateway died.
 */
export async function makeCallsUnderFaults(
  calls: readonly LoggedCall[],
  {
    system,
    client,
    faults,
    random,
  }: { system: System; client: Client; faults: readonly Fault[]; random: () => number },
): Promise<readonly GatewayDeath[]> {
  const deaths: GatewayDeath[] = []
  const wholeMs = faults.reduce((sum, { trafficMs }) => sum + trafficMs, 0)
  let made = 0
  let passedMs = 0
  for (const fault of faults) {
    passedMs += fault.trafficMs
    const share = calls.slice(made, Math.round((calls.length * passedMs) / wholeMs))
    made += share.length
    const strikeAt = Math.floor(random() * share.length * 0.5) // half of the share is left to meet what it brings
    const { promise: struck, resolve, reject } = Promise.withResolvers<void>()
    await Promise.all([
      client.makeAll(share, fault.trafficMs, (index) => {
        if (index === strikeAt) strike(fault, system, client, deaths).then(resolve, reject)
      }),
      struck,
    ])
  }
  return deaths
}

async function strike(fault: Fault, system: System, client: Client, deaths: GatewayDeath[]): Promise<void> {
  if (fault.kind === 'redis stopped') {
    await system.redis.stop()
    await wait(fault.forMs)
    await system.redis.restart()
  } else if (fault.kind === 'pump killed') {
    await system.pump.kill()
    await system.pump.start()
  } else {
    const durable = (await system.gatewayMetrics()).only('penstock_records_appended_total') ?? 0
    await client.duringDeath(async () => {
      deaths.push({ life: client.life, atMs: performance.now(), durable })
      await system.gateway.kill()
      await system.gateway.start()
    })
  }
}
