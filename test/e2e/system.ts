import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openCollector } from '../services/collector.ts'
import { freePort } from '../services/port.ts'
import { openPrometheus, type PrometheusServer } from '../services/prometheus.ts'
import { openRedis, type RedisServer } from '../services/redis.ts'
import { clickhouseUrl, mongoUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import {
  type ConfigParts,
  caller,
  type Places,
  type Ports,
  type SystemConfig,
  sinkNames,
  toConfig,
  toScrapeConfig,
} from './config.ts'
import { type MetricsPage, readMetrics } from './metrics-page.ts'
import { openPenstock, type PenstockProcess, runPenstock } from './process.ts'
import { openReplayUpstream, type ReplayUpstream } from './upstream.ts'

/** The whole path on real servers: upstream → gateway → Redis → pump → every sink. Disposing stops it and removes what it wrote. */
export interface System extends AsyncDisposable {
  readonly gatewayUrl: string
  readonly consoleUrl: string
  /** Of the caller, for the gateway. */
  readonly key: string
  readonly configFile: string
  readonly upstream: ReplayUpstream
  readonly gateway: PenstockProcess
  readonly pump: PenstockProcess
  readonly redis: RedisServer
  readonly prometheus: PrometheusServer
  readonly places: Places
  gatewayMetrics(): Promise<MetricsPage>
  pumpMetrics(): Promise<MetricsPage>
  /** How each sink fares, as the pump's probe and its ledgers say. */
  sinkStates(): Promise<string>
  /** Stops the gateway as an operator would. Resolves once all that it recorded is in every sink. */
  drain(): Promise<void>
}

interface SystemOptions extends Pick<ConfigParts, 'rawDocuments' | 'otlpBlockRecords'> {
  /** What a test wants otherwise than it is for all. */
  readonly change?: (config: SystemConfig) => object
}

const drainWithinMs = 240_000 // FerretDB takes 10,000 records in some 15 s where nothing else runs, and reads all it has for a repeated block

/** Starts everything; resolves once gateway and pump are ready. */
export async function openSystem(t: TestContext, options: SystemOptions): Promise<System> {
  await using opening = new AsyncDisposableStack()
  const folder = opening.adopt(await mkdtemp(join(tmpdir(), 'penstock-e2e-')), (path) =>
    rm(path, { recursive: true, force: true, maxRetries: 3 }),
  )
  const places: Places = {
    dataDir: join(folder, 'data'),
    clickhouse: new URL(await clickhouseUrl(t)),
    mongo: await mongoUrl(t),
    collector: opening.use(await openCollector()),
  }
  const redis = opening.use(await openRedis({ config: { 'maxmemory-policy': 'noeviction' } }))
  const upstream = opening.use(await openReplayUpstream())
  const ports: Ports = {
    gateway: await freePort(),
    gatewayAdmin: await freePort(),
    pumpAdmin: await freePort(),
    console: await freePort(),
  }
  const configFile = join(folder, 'penstock.yaml')
  const { change = (config: SystemConfig) => config, ...parts } = options
  const config = toConfig({ ...parts, places, ports, redisUrl: redis.url, upstreamUrl: upstream.url })
  await writeFile(configFile, JSON.stringify(change(config), null, 2)) // JSON is YAML
  const prometheus = opening.use(await openPrometheus({ config: toScrapeConfig(ports.pumpAdmin) }))

  const created = await runPenstock('keys', 'create', '--config', configFile, '--consumer', caller.consumer)
  const { key } = JSON.parse(created) as { key: string } // as the command documents for programs
  const urls = { gateway: localUrl(ports.gatewayAdmin), pump: localUrl(ports.pumpAdmin) }
  const pump = opening.use(await openPenstock({ configFile, roles: 'pump,console', adminUrl: urls.pump }))
  const gateway = opening.use(await openPenstock({ configFile, roles: 'gateway', adminUrl: urls.gateway }))
  const gatewayMetrics = () => readMetrics(urls.gateway)
  const pumpMetrics = () => readMetrics(urls.pump)
  const opened = opening.move()
  return {
    gatewayUrl: localUrl(ports.gateway),
    consoleUrl: localUrl(ports.console),
    key,
    configFile,
    upstream,
    gateway,
    pump,
    redis,
    prometheus,
    places,
    gatewayMetrics,
    pumpMetrics,
    async sinkStates() {
      const probe = await (await fetch(`${urls.pump}/readyz`)).text()
      const page = await pumpMetrics()
      const lags = page
        .samples('penstock_lag_records')
        .map(({ labels, value }) => `${labels.sink} lags ${value} records`)
      return [probe.trimEnd(), ...lags].join('\n')
    },
    async drain() {
      await until(async () => isForwarded(await gatewayMetrics()), {
        what: 'the gateway’s records to be forwarded',
        timeoutMs: drainWithinMs,
      })
      await gateway.stop() // the last ones go now, whatever the page said
      await until(async () => isSettled(await pumpMetrics()), {
        what: 'every sink to settle its last record',
        timeoutMs: drainWithinMs,
        everyMs: 100,
      })
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const localUrl = (port: number) => `http://127.0.0.1:${port}`

/** No request is being served, and no record is in memory or in the spool. */
function isForwarded(page: MetricsPage): boolean {
  const waiting = ['penstock_gateway_in_flight_requests', 'penstock_ring_records', 'penstock_spool_backlog_records']
  return waiting.every((name) => page.only(name) === 0)
}

function isSettled(page: MetricsPage): boolean {
  return sinkNames.every((sink) => page.only('penstock_lag_records', { sink }) === 0)
}

/** Says what every process printed, and how far each sink has come, when the work fails. */
export async function withLogs(system: System, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    console.error(`--- sinks\n${await system.sinkStates().catch(String)}`)
    for (const name of ['gateway', 'pump', 'redis'] as const)
      console.error(`--- ${name}\n${system[name].output() || '(nothing)'}`)
    throw error
  }
}
