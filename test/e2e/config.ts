import type { CollectorServer } from '../services/collector.ts'
import { apiNames, otherApi } from './logged-calls.ts'

export const sinkNames = ['clickhouse', 'mongo', 'otlp', 'store', 'file', 'prometheus'] as const

/** Who calls, in every test of the whole path. */
export const caller = { consumer: 'reader', team: 'readers' } as const

/** Names the request in the records, so that a judge can tell one from another. */
export const attemptHeader = 'x-attempt-id'

/** Where the sinks put their records. */
export interface Places {
  readonly dataDir: string
  readonly clickhouse: URL
  readonly mongo: string
  readonly collector: CollectorServer
}

export type Ports = Readonly<Record<'gateway' | 'gatewayAdmin' | 'pumpAdmin' | 'console', number>>

export interface ConfigParts {
  readonly places: Places
  readonly ports: Ports
  readonly redisUrl: string
  readonly upstreamUrl: string
  /** Cap of Mongo's raw collection, documents. */
  readonly rawDocuments: number
  /** Records in one block of OTLP. */
  readonly otlpBlockRecords: number
}

/** The configuration of gateway and pump, with every sink there is. */
export function toConfig({ places, ports, redisUrl, upstreamUrl, rawDocuments, otlpBlockRecords }: ConfigParts) {
  const api = (name: string, basePath: string) => ({
    ...{ name, basePath, upstream: 'replayed' },
    pathParameters: 'keep', // as the server of the log did
  })
  return {
    dataDir: places.dataDir,
    gateway: {
      listen: [{ port: ports.gateway }],
      admin: { port: ports.gatewayAdmin },
      trustedProxies: ['127.0.0.1'],
      upstreams: { replayed: { targets: [{ url: upstreamUrl }] } },
      apis: [...apiNames.map((name) => api(name, `/${name}`)), api(otherApi, '/')],
      consumers: { [caller.consumer]: { team: caller.team } },
      tags: { attempt: { header: attemptHeader } },
    },
    buffer: { type: 'redis', urls: [redisUrl] },
    pump: { admin: { port: ports.pumpAdmin } },
    console: { port: ports.console },
    sinks: {
      clickhouse: { type: 'clickhouse', ...toClickHouse(places.clickhouse) },
      mongo: {
        type: 'mongo',
        url: places.mongo,
        raw: { maxDocuments: rawDocuments },
        chunkRecords: 50, // FerretDB hangs at 100 statements
      },
      otlp: { type: 'otlp', url: places.collector.url, block: { maxRecords: otlpBlockRecords } },
      store: { type: 'store' },
      file: { type: 'file' },
      prometheus: { type: 'prometheus' },
    },
  }
}

export type SystemConfig = ReturnType<typeof toConfig>

/** What the ClickHouse sink, and the client of a judge, are told. */
export function toClickHouse({ origin, pathname, username, password }: URL) {
  const user = username ? { username, password: decodeURIComponent(password) } : {}
  return { url: origin, database: pathname.slice(1), ...user }
}

/** What a Prometheus is told that scrapes the pump. */
export function toScrapeConfig(port: number) {
  return {
    global: { scrape_interval: '1s' },
    scrape_configs: [{ job_name: 'penstock', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
  }
}
