import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { sinks } from '../../sinks/index.ts'
import { type Attempt, Client } from './attempts.ts'
import { collectedLogs } from './collected.ts'
import { type Fault, type GatewayDeath, makeCallsUnderFaults, seeded, shuffled } from './faults.ts'
import { holders } from './held.ts'
import type { Held } from './held-record.ts'
import { assertConserved, assertSums } from './judge.ts'
import { callKey, type LoggedCall } from './logged-calls.ts'
import { openSystem, type System, withLogs } from './system.ts'
import { assertSameTally, tally } from './tally.ts'

export interface KillsOptions {
  readonly calls: readonly LoggedCall[]
  /** Strike in random order. */
  readonly faults: readonly Fault[]
}

/**
 * What a killed gateway may lose: records that are younger than its ring, 50 ms, and one commit, for which a busy disk
 * on a loaded machine gets a second. What was lost in truth is told as the test's diagnostic.
 */
const ringMs = 50 + 1000

/** Makes all calls while processes die. Fails where a sink lacks what it must hold, or holds something twice. */
export async function assertSurvives(t: TestContext, { calls, faults }: KillsOptions): Promise<void> {
  const seed = Number(process.env.PENSTOCK_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`PENSTOCK_TEST_SEED=${seed} makes the same faults at the same calls`)
  const random = seeded(seed)
  await using system = await openSystem(t, { rawDocuments: 2 * calls.length, otlpBlockRecords: 100 })
  await withLogs(system, async () => {
    await using client = new Client(system)
    const ordered = shuffled(faults, random)
    t.diagnostic(ordered.map(({ kind }) => kind).join(', '))
    const deaths = await makeCallsUnderFaults(calls, { system, client, faults: ordered, random })
    await system.drain()
    const judge = new Judge(client.attempts, deaths)
    await judge.assertSinks(system)
    await assertOtlpRepeats(system, faults, t)
    for (const line of judge.losses) t.diagnostic(line)
  })
}

/** Knows what every sink must hold, and what a killed gateway may have taken with it. */
class Judge {
  readonly losses: string[] = []
  readonly #attempts: readonly Attempt[]
  readonly #deaths: readonly GatewayDeath[]

  constructor(attempts: readonly Attempt[], deaths: readonly GatewayDeath[]) {
    this.#attempts = attempts
    this.#deaths = deaths
  }

  async assertSinks(system: System): Promise<void> {
    const reference = await holders.clickhouse(system.places)
    this.#assertDurable(reference)
    await assertConserved(system, reference.length)
    const callOf = new Map(this.#attempts.map(({ id, call }) => [id, call]))
    await assertSums(
      system,
      reference.flatMap(({ attempt }) => callOf.get(attempt) ?? []),
    )
    await system.pump.stop()
    for (const [sink, read] of Object.entries(holders)) {
      const held = sink === 'otlp' ? once(await read(system.places)) : await read(system.places)
      this.#assertAttempts(sink, held)
      assertSameTally(tally(held, byId), tally(reference, byId), `${sink}, by record,`)
    }
  }

  /** Every attempt that must be there is there once; one that may be missing is there at most once; nothing else is. */
  #assertAttempts(sink: string, held: readonly Held[]): void {
    const there = new Set(held.map(({ attempt }) => attempt))
    const expected = this.#attempts.filter((attempt) => there.has(attempt.id) || !this.#mayBeLost(attempt))
    assertSameTally(
      tally(held, (one) => `${one.attempt}: ${callKey(one)}`),
      tally(expected, ({ id, call }) => `${id}: ${callKey(call)}`),
      sink,
    )
  }

  #mayBeLost({ life, answeredAtMs }: Attempt): boolean {
    if (answeredAtMs === undefined) return true // the gateway died over it
    const death = this.#deaths.find((one) => one.life === life)
    return death !== undefined && answeredAtMs > death.atMs - ringMs
  }

  /** What a gateway said to be durable before it was killed was so. */
  #assertDurable(held: readonly Held[]): void {
    const there = new Set(held.map(({ attempt }) => attempt))
    for (const { life, atMs, durable } of this.#deaths) {
      const ofLife = this.#attempts.filter((attempt) => attempt.life === life)
      const recorded = ofLife.filter(({ id }) => there.has(id))
      assert.ok(recorded.length >= durable, `${durable} records were durable, ${recorded.length} are there`)
      const lost = ofLife.filter(({ id, answeredAtMs }) => answeredAtMs !== undefined && !there.has(id))
      const ages = lost.map(({ answeredAtMs = atMs }) => Math.round(atMs - answeredAtMs))
      this.losses.push(`gateway killed: ${lost.length} answers not recorded, ${Math.max(0, ...ages)} ms old at most`)
    }
  }
}

const byId = ({ id }: Held) => id

function once(held: readonly Held[]): readonly Held[] {
  return [...new Map(held.map((one) => [one.id, one])).values()]
}

/** OTLP has no way to recognise a repeat: a fault that ends a reader may repeat the blocks that it had on their way. */
async function assertOtlpRepeats({ places }: System, faults: readonly Fault[], t: TestContext): Promise<void> {
  const blocks = (await collectedLogs(places)).map((block) => block.map(byId))
  const seen = new Set<string>()
  let repeated = 0
  for (const ids of blocks) {
    const again = ids.filter((id) => seen.has(id))
    assert.ok(again.length === 0 || again.length === ids.length, 'a repeated block has other records than it had')
    if (again.length > 0) repeated++
    for (const id of ids) seen.add(id)
  }
  const readerEnds = faults.filter(({ kind }) => kind !== 'gateway killed').length
  const mayRepeat = readerEnds * sinks.otlp.inFlight
  t.diagnostic(`OTLP: ${repeated} of ${blocks.length} blocks were sent again; ${mayRepeat} may be`)
  assert.ok(repeated <= mayRepeat, `${repeated} blocks were sent again over OTLP, ${mayRepeat} may be`)
}
