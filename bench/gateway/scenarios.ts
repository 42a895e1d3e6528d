import { toTable } from '../../cli/table.ts'
import { wait } from '../../runtime/wait.ts'
import { type Load, runWrk } from './load.ts'
import { runOpenLoop } from './open-loop.ts'
import type { Client } from './penstock.ts'
import { cpuUs, residentMb } from './process.ts'
import { type Claim, median } from './report.ts'
import {
  type BenchServer,
  startHaproxy,
  startNginxProxy,
  startPenstock,
  startSlowUpstream,
  startUpstream,
} from './servers.ts'

export interface Setting {
  readonly folder: string
  readonly keys: readonly string[]
  /** Requests for wrk. */
  readonly script: string
  readonly rounds: number
  readonly seconds: number
  readonly soakMinutes: number
}

/** 5 s: V8 compiles the gateway's code in the first seconds, which would count as 2 to 6 µs a request. */
const warmSeconds = 5
/** Both, as the default is to be known as well as the faster one. */
const clients = ['undici', 'lean'] as const satisfies readonly Client[]

interface Measured extends Load {
  /** CPU time of all of the server's processes and threads, per request. */
  readonly cpuUs: number
}

/** Throughput and CPU per request of each, at 100 and 400 connections, in rounds that visit all of them in turn. */
export async function benchCost({ folder, script, rounds, seconds }: Setting): Promise<Claim[]> {
  await using opened = new AsyncDisposableStack()
  const upstream = opened.use(await startUpstream(folder))
  const servers: Record<string, BenchServer> = {
    direct: upstream,
    nginx: opened.use(await startNginxProxy(folder, upstream.url)),
    haproxy: opened.use(await startHaproxy(folder, upstream.url)),
  }
  for (const client of clients) {
    for (const variant of ['bare', 'features', 'full'] as const)
      servers[`${variant}, ${client}`] = opened.use(await startPenstock(folder, upstream.url, variant, client))
  }
  const claims: Claim[] = []
  for (const connections of [100, 400]) {
    const results = Object.fromEntries(Object.keys(servers).map((name) => [name, [] as Measured[]]))
    for (const { url } of Object.values(servers)) await runWrk({ url, connections, seconds: warmSeconds, script })
    for (let round = 0; round < rounds; round++) {
      for (const [name, server] of Object.entries(servers))
        results[name]?.push(await measure(server, { url: server.url, connections, seconds, script }))
    }
    const of = (name: string, field: keyof Measured) => median((results[name] ?? []).map((result) => result[field]))
    console.log(`\n${connections} connections, median of ${rounds} × ${seconds} s`)
    print(
      Object.keys(servers).map((name) => ({
        server: name,
        'requests/s': of(name, 'requestsPerSecond').toFixed(0),
        'of nginx': (of(name, 'requestsPerSecond') / of('nginx', 'requestsPerSecond')).toFixed(2),
        'p50 ms': of(name, 'p50Ms').toFixed(2),
        'p99 ms': of(name, 'p99Ms').toFixed(2),
        'CPU µs': of(name, 'cpuUs').toFixed(1),
        '× nginx': (of(name, 'cpuUs') / of('nginx', 'cpuUs')).toFixed(2),
        failed: of(name, 'failed').toFixed(0),
      })),
    )
    for (const client of clients) claims.push(...costClaims(client, connections, of))
  }
  return claims
}

function costClaims(
  client: Client,
  connections: number,
  of: (name: string, field: keyof Measured) => number,
): readonly Claim[] {
  const [bare, features, full] = [`bare, ${client}`, `features, ${client}`, `full, ${client}`]
  const where = `at ${connections}, ${client}`
  const nginxShare = of(full, 'requestsPerSecond') / of('nginx', 'requestsPerSecond')
  const cpuUs = (name: string) => of(name, 'cpuUs')
  return [
    { what: `CPU of everything ${where}`, measured: cpuUs(full) / cpuUs('nginx'), atMost: 2.5, unit: '× nginx' },
    {
      what: `throughput of everything ${where}, where nginx reaches 63,000`,
      measured: nginxShare * 63_000,
      atLeast: 30_000,
      unit: 'requests/s',
    },
    { what: `keys, limit and traces ${where}`, measured: cpuUs(features) - cpuUs(bare), atMost: 5, unit: 'µs' },
    { what: `analytics ${where}`, measured: cpuUs(full) - cpuUs(features), atMost: 4, unit: 'µs' },
    { what: `all of that together ${where}`, measured: cpuUs(full) - cpuUs(bare), atMost: 5, unit: 'µs' },
  ]
}

async function measure(server: BenchServer, options: Parameters<typeof runWrk>[0]): Promise<Measured> {
  const before = cpuUs(server.pid)
  const load = await runWrk(options)
  return { ...load, cpuUs: (cpuUs(server.pid) - before) / load.requests }
}

/** An upstream of 100 ms at 400 connections: the gateway must not be what the requests wait for. */
export async function benchSlowUpstream({ folder, script, rounds, seconds }: Setting): Promise<Claim[]> {
  await using upstream = await startSlowUpstream(100)
  await using gateway = await startPenstock(folder, upstream.url, 'full')
  const rates = { direct: [] as number[], full: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    for (const [name, { url }] of [
      ['direct', upstream],
      ['full', gateway],
    ] as const)
      rates[name].push(
        (await runWrk({ url, connections: 400, seconds: Math.max(seconds, 5), script })).requestsPerSecond,
      )
  }
  const [direct, full] = [median(rates.direct), median(rates.full)]
  console.log(
    `\nUpstream of 100 ms, 400 connections: direct ${direct.toFixed(0)}/s, through the gateway ${full.toFixed(0)}/s`,
  )
  return [{ what: 'slow upstream, loss against direct', measured: (1 - full / direct) * 100, atMost: 3.5, unit: '%' }]
}

/** Latency at a fixed rate by an open loop, direct and through each. */
export async function benchLatency({ folder, keys, seconds }: Setting): Promise<Claim[]> {
  await using opened = new AsyncDisposableStack()
  const upstream = opened.use(await startUpstream(folder))
  const servers: Record<string, BenchServer> = {
    direct: upstream,
    nginx: opened.use(await startNginxProxy(folder, upstream.url)),
    bare: opened.use(await startPenstock(folder, upstream.url, 'bare')),
    full: opened.use(await startPenstock(folder, upstream.url, 'full')),
    'full, lean': opened.use(await startPenstock(folder, upstream.url, 'full', 'lean')),
  }
  const rows = []
  for (const [server, { url }] of Object.entries(servers)) {
    await runOpenLoop({ url, keys, requestsPerSecond: 2000, seconds: 3 }) // warm
    const { p50Ms, p99Ms, p999Ms, maxMs, failed } = await runOpenLoop({
      url,
      keys,
      requestsPerSecond: 2000,
      seconds: seconds * 2,
    })
    const row = {
      'p50 ms': p50Ms.toFixed(2),
      'p99 ms': p99Ms.toFixed(2),
      'p99.9 ms': p999Ms.toFixed(2),
      'max ms': maxMs.toFixed(1),
    }
    rows.push({ server, ...row, failed: String(failed) })
  }
  console.log('\nOpen loop, 2,000 requests/s')
  print(rows)
  return []
}

/** 500/s: ten times of it is what two cores still carry, with the client and the upstream on them. */
const calmRate = 500

/** Ten times the load for 30 s: bounded memory, no failures, and the latency of before within 5 s after. */
export async function benchSpike({ folder, keys }: Setting): Promise<Claim[]> {
  await using upstream = await startUpstream(folder)
  await using gateway = await startPenstock(folder, upstream.url, 'full')
  const phase = (requestsPerSecond: number, seconds: number) =>
    runOpenLoop({ url: gateway.url, keys, requestsPerSecond, seconds })
  await phase(calmRate, 5)
  const before = await phase(calmRate, 10)
  const memoryBefore = residentMb(gateway.pid)
  const spike = await phase(10 * calmRate, 30)
  const memoryDuring = residentMb(gateway.pid)
  const after = await phase(calmRate, 15)
  const calm = median(before.p99MsBySecond)
  const back = after.p99MsBySecond.findIndex((p99) => p99 <= Math.max(2 * calm, calm + 2))
  console.log(
    `\nSpike of ${10 * calmRate}/s for 30 s: p99 ${calm.toFixed(1)} ms before, ${spike.p99Ms.toFixed(1)} during, ${after.p99Ms.toFixed(1)} after; memory ${memoryBefore.toFixed(0)} → ${memoryDuring.toFixed(0)} MB`,
  )
  return [
    { what: 'spike, p99 is back after', measured: back < 0 ? Number.POSITIVE_INFINITY : back, atMost: 5, unit: 's' },
    { what: 'spike, memory', measured: memoryDuring, atMost: 400, unit: 'MB' },
    {
      what: 'spike, requests without answer',
      measured: before.failed + spike.failed + after.failed,
      atMost: 0,
      unit: '',
    },
  ]
}

/** A steady load for long: memory at the end is what it was after the first tenth. */
export async function benchSoak({ folder, keys, soakMinutes }: Setting): Promise<Claim[]> {
  await using upstream = await startUpstream(folder)
  await using gateway = await startPenstock(folder, upstream.url, 'full')
  const stop = new AbortController()
  const memory: number[] = []
  const watching = (async () => {
    while (!stop.signal.aborted) {
      memory.push(residentMb(gateway.pid))
      await wait(1000, stop.signal).catch(() => {})
    }
  })()
  const load = await runOpenLoop({ url: gateway.url, keys, requestsPerSecond: 2000, seconds: soakMinutes * 60 })
  stop.abort()
  await watching
  const tenth = Math.ceil(memory.length / 10)
  const [early, late] = [median(memory.slice(tenth, 2 * tenth)), median(memory.slice(-tenth))]
  console.log(
    `\nSoak of ${soakMinutes} minutes at 2,000/s: ${early.toFixed(0)} → ${late.toFixed(0)} MB, p99 ${load.p99Ms.toFixed(1)} ms`,
  )
  return [
    { what: 'soak, growth of memory', measured: late / early, atMost: 1.1, unit: '×' },
    { what: 'soak, requests without answer', measured: load.failed, atMost: 0, unit: '' },
  ]
}

function print(rows: readonly Readonly<Record<string, string>>[]): void {
  const titles = Object.keys(rows[0] ?? {})
  const columns = titles.map((title, index) => ({ title, align: index === 0 ? ('left' as const) : ('right' as const) }))
  console.log(
    toTable(
      columns,
      rows.map((row) => titles.map((title) => row[title] ?? '')),
    ),
  )
}
