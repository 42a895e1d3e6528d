import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { alertOptions } from '../../alerts/options.ts'
import { toRuleFile } from '../../alerts/prometheus.ts'
import { recordingGroups } from '../../alerts/recording.ts'
import { keysFile } from '../../cli/files.ts'
import { openSqliteKeys } from '../../keys/sqlite/store.ts'
import { type Certificate, makeCertificate } from '../services/certificate.ts'
import { freePort } from '../services/port.ts'
import { openPrometheus, type PrometheusServer } from '../services/prometheus.ts'
import { openRedis } from '../services/redis.ts'
import { clickhouseUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { toClickHouse } from './config.ts'
import { openPenstock } from './process.ts'
import { callVariously, consumers, deadKey, openVariedUpstream, responseMs } from './varied-traffic.ts'

/** Gateway and pump under traffic of every kind, and a Prometheus that scrapes them. */
export interface Observed extends AsyncDisposable {
  readonly prometheus: PrometheusServer
  /** Of the ClickHouse that the records go to, with its database as the path. */
  readonly clickhouse: URL
}

export interface ObservedOptions {
  readonly scrapeSeconds: number
}

type Ports = Readonly<Record<'gateway' | 'gatewayTls' | 'gatewayAdmin' | 'pumpAdmin' | 'nothing', number>>

/** Starts everything, and traffic that ends in every way there is; resolves once Prometheus has scraped both. */
export async function openObserved(t: TestContext, { scrapeSeconds }: ObservedOptions): Promise<Observed> {
  await using opening = new AsyncDisposableStack()
  const folder = opening.adopt(await mkdtemp(join(tmpdir(), 'penstock-observed-')), (path) =>
    rm(path, { recursive: true, force: true, maxRetries: 3 }),
  )
  const dataDir = join(folder, 'data')
  await mkdir(dataDir)
  const clickhouse = new URL(await clickhouseUrl(t))
  const redis = opening.use(await openRedis({ config: { 'maxmemory-policy': 'noeviction' } }))
  const upstream = opening.use(await openVariedUpstream())
  const ports: Ports = {
    gateway: await freePort(),
    gatewayTls: await freePort(),
    gatewayAdmin: await freePort(),
    pumpAdmin: await freePort(),
    nothing: await freePort(),
  }
  const configFile = join(folder, 'penstock.yaml')
  const tls = await makeCertificate(join(folder, 'tls'))
  const config = toConfig({ dataDir, tls, ports, clickhouse, redisUrl: redis.url, upstreamUrl: upstream.url })
  await writeFile(configFile, JSON.stringify(config, null, 2)) // JSON is YAML
  const keys = await createKeys(dataDir)

  const pumpUrl = localUrl(ports.pumpAdmin)
  const gatewayUrl = localUrl(ports.gatewayAdmin)
  opening.use(await openPenstock({ configFile, roles: 'pump', adminUrl: pumpUrl }))
  const gateway = opening.use(await openPenstock({ configFile, roles: 'gateway', adminUrl: gatewayUrl }))
  const prometheus = opening.use(await openPrometheus(toPrometheus(ports, scrapeSeconds)))

  const traffic = new AbortController()
  const calling = callVariously(localUrl(ports.gateway), keys, traffic.signal)
  opening.defer(async () => {
    traffic.abort()
    await calling
  })
  await until(async () => (await prometheus.query('penstock_build_info')).length === 2, {
    what: 'Prometheus to scrape gateway and pump',
    timeoutMs: (2 * scrapeSeconds + 20) * 1000,
    everyMs: 100,
  })
  const { gateway: options } = config
  const changed = { ...config, gateway: { ...options, consumers: { ...consumers, newcomer: {} } } }
  await writeFile(configFile, JSON.stringify(changed, null, 2))
  gateway.reload()
  const opened = opening.move()
  return { prometheus, clickhouse, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const localUrl = (port: number) => `http://127.0.0.1:${port}`

async function createKeys(dataDir: string): Promise<ReadonlyMap<string, string>> {
  await using store = openSqliteKeys({ file: keysFile(dataDir) })
  const expiresAtMs = Date.now() + 7 * 24 * 3600 * 1000
  const wanted = Object.keys(consumers).map((consumer) => ({ consumer, label: 'test', expiresAtMs }))
  const created = await store.createAll(wanted)
  const dead = await store.create({ consumer: 'partner', label: 'revoked' })
  await store.revoke(dead.entry.id)
  return new Map([...created.map(({ key, entry }) => [entry.consumer, key] as const), [deadKey, dead.key]])
}

interface ConfigParts {
  readonly dataDir: string
  readonly tls: Pick<Certificate, 'certificateFile' | 'keyFile'>
  readonly ports: Ports
  readonly clickhouse: URL
  readonly redisUrl: string
  readonly upstreamUrl: string
}

function toConfig({
  dataDir,
  tls: { certificateFile, keyFile },
  ports,
  clickhouse,
  redisUrl,
  upstreamUrl,
}: ConfigParts) {
  const api = (name: string, upstream: string, ...routes: object[]) => ({
    name,
    basePath: `/${name}`,
    upstream,
    routes,
  })
  return {
    dataDir,
    gateway: {
      name: 'gateway-1',
      listen: [{ port: ports.gateway }, { port: ports.gatewayTls, tls: { certificateFile, keyFile } }],
      admin: { port: ports.gatewayAdmin },
      upstreams: {
        shop: { targets: [{ url: upstreamUrl }], responseMs, failures: 1000 }, // one late route takes no other one down
        gone: { targets: [{ url: localUrl(ports.nothing) }], skipMs: 1000, health: { intervalMs: 1000 } },
      },
      apis: [
        api(
          'orders',
          'shop',
          { path: '/', methods: ['POST'], useCase: 'ordering' },
          { path: '/{id}', methods: ['GET'] },
        ),
        api('payments', 'shop', { path: '/', methods: ['POST'], useCase: 'checkout' }),
        api('reports', 'shop', { path: '/daily', methods: ['GET'] }),
        api('catalog', 'shop', { path: '/products', methods: ['GET'], useCase: 'browsing' }),
        api('legacy', 'gone', { path: '/things', methods: ['GET'] }),
        api('admin', 'shop', { path: '/settings', methods: ['GET'], allow: { plans: ['gold'] } }),
      ],
      plans: {
        gold: { rateLimit: { requests: 1000, per: 'second' } },
        free: { rateLimit: { requests: 1, per: 'second' } },
      },
      consumers,
    },
    buffer: { type: 'redis', urls: [redisUrl] },
    pump: { admin: { port: ports.pumpAdmin } },
    sinks: {
      prometheus: { type: 'prometheus' },
      clickhouse: { type: 'clickhouse', ...toClickHouse(clickhouse) },
      store: { type: 'store' },
    },
  }
}

/** As docs/guides/prometheus.md says, but for the pace; with the rules that dashboards read, and an alert that fires. */
function toPrometheus(ports: Ports, scrapeSeconds: number) {
  const job = (name: string, port: number) => ({ job_name: name, static_configs: [{ targets: [`127.0.0.1:${port}`] }] })
  const recording = recordingGroups(alertOptions.parse({})).map((group) => ({ ...group, interval: '1s' as const }))
  const alert = { alert: 'PenstockScenario', expr: 'vector(1)', labels: { severity: 'info' } }
  return {
    config: {
      global: { scrape_interval: `${scrapeSeconds}s`, evaluation_interval: '1s' },
      rule_files: ['recording.yml', 'alerts.yml'],
      scrape_configs: [job('penstock-gateway', ports.gatewayAdmin), job('penstock-pump', ports.pumpAdmin)],
    },
    files: {
      'recording.yml': toRuleFile(recording),
      'alerts.yml': JSON.stringify({ groups: [{ name: 'scenario', rules: [alert] }] }),
    },
  }
}
