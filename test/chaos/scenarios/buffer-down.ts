import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Latencies, runOpenLoop } from '../../../bench/gateway/open-loop.ts'
import { startUpstream } from '../../../bench/gateway/servers.ts'
import { readMetrics } from '../../e2e/metrics-page.ts'
import { openPenstock } from '../../e2e/process.ts'
import { freePort } from '../../services/port.ts'
import { openRedis } from '../../services/redis.ts'
import { until } from '../../services/until.ts'
import { holdings } from '../holdings.ts'
import { openPumpProcess } from '../process.ts'
import type { ScenarioOptions, ScenarioResult } from './scenario.ts'

/** 20 s: the gateway compiles what it runs often. */
const warmUpSeconds = 20
/** A minute of undisturbed traffic is compared with all of the outage. */
const aroundSeconds = 60
const drainWithinMs = 600_000

/** Redis is away for minutes while a real gateway answers requests that come whether it is ready or not. */
export async function bufferDown({ minutes, recordsPerSecond, say }: ScenarioOptions): Promise<ScenarioResult> {
  await using system = await openGatewaySystem()
  const { gateway, redis } = system
  const load = async (what: string, seconds: number): Promise<Latencies> => {
    say(`${seconds} s of ${recordsPerSecond} requests/s ${what}`)
    return await runOpenLoop({
      url: gateway.url,
      requestsPerSecond: recordsPerSecond,
      seconds,
      keys: Array(1000).fill('none'),
    })
  }
  const warm = await load('to warm up', warmUpSeconds)
  const before = await load('with Redis', aroundSeconds)
  await redis.stop()
  const during = await load('without Redis', minutes * 60)
  const spooled = (await readMetrics(gateway.adminUrl)).only('penstock_spool_backlog_records') ?? 0
  await redis.restart()
  const backAt = performance.now()
  const after = await load('with Redis again, which drains', aroundSeconds)

  const answered = [warm, before, during, after].reduce((sum, one) => sum + one.answered, 0)
  const failed = [before, during, after].reduce((sum, one) => sum + one.failed, 0)
  await until(async () => (await readMetrics(gateway.adminUrl)).only('penstock_spool_backlog_records') === 0, {
    what: 'the spool to drain',
    timeoutMs: drainWithinMs,
    everyMs: 200,
  })
  const isDelivered = async () => (await readMetrics(system.pumpUrl)).only('penstock_lag_records') === 0
  await until(isDelivered, { what: 'the pump to deliver all', timeoutMs: drainWithinMs, everyMs: 200 })
  const drainedMs = performance.now() - backAt
  const { held, distinct } = await count(system.files)
  const lost = Math.max(0, answered - distinct)
  return {
    lost,
    doubled: held - distinct,
    measured: {
      'requests/s, whether answered or not': `${recordsPerSecond}`,
      'p99 with Redis, without, and while it drains': [before, during, after]
        .map(({ p99Ms }) => `${p99Ms.toFixed(2)} ms`)
        .join(', '),
      'p50 with Redis, without, and while it drains': [before, during, after]
        .map(({ p50Ms }) => `${p50Ms.toFixed(2)} ms`)
        .join(', '),
      'requests that failed': `${failed} of ${before.answered + during.answered + after.answered + failed}`,
      'records that waited in the spool': spooled.toLocaleString('en-US'),
      'until all was delivered after Redis was back': `${(drainedMs / 1000).toFixed(1)} s, traffic going on for ${aroundSeconds} s of it`,
    },
    problems: failed > 0 ? [`${failed} requests failed`] : [],
  }
}

async function openGatewaySystem() {
  await using opening = new AsyncDisposableStack()
  const folder = opening.adopt(await mkdtemp(join(tmpdir(), 'penstock-chaos-')), (path) =>
    rm(path, { recursive: true, force: true, maxRetries: 3 }),
  )
  const redis = opening.use(await openRedis({ config: { 'maxmemory-policy': 'noeviction' } }))
  const upstream = opening.use(await startUpstream(folder))
  const [port, gatewayAdmin, pumpAdmin] = [await freePort(), await freePort(), await freePort()]
  const files = join(folder, 'files')
  const config = {
    dataDir: join(folder, 'data'),
    gateway: {
      listen: [{ port }],
      admin: { port: gatewayAdmin },
      apis: [{ name: 'orders', auth: 'none', upstream: upstream.url, routes: [{ path: '/orders/{id}' }] }],
    },
    buffer: { type: 'redis', urls: [redis.url] },
    pump: { admin: { port: pumpAdmin } },
    sinks: { file: { type: 'file', folder: files, fields: ['id', 'path'] } },
  }
  const configFile = join(folder, 'penstock.yaml')
  await writeFile(configFile, JSON.stringify(config, null, 2)) // JSON is YAML
  const local = (at: number) => `http://127.0.0.1:${at}`
  opening.use(await openPumpProcess({ configFile, adminUrl: local(pumpAdmin) }))
  opening.use(await openPenstock({ configFile, roles: 'gateway', adminUrl: local(gatewayAdmin) }))
  const opened = opening.move()
  return {
    redis,
    gateway: { url: local(port), adminUrl: local(gatewayAdmin) },
    pumpUrl: local(pumpAdmin),
    files,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function count(folder: string): Promise<{ held: number; distinct: number }> {
  const ids = new Set<string>()
  let held = 0
  for await (const group of holdings.file(folder)) {
    held += group.length
    for (const { id } of group) ids.add(id)
  }
  return { held, distinct: ids.size }
}
