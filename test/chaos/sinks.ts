import { join } from 'node:path'
import { openClickHouse } from '../services/clickhouse.ts'
import { openCollector } from '../services/collector.ts'
import { type FaultProxy, openFaultProxy } from '../services/fault-proxy.ts'
import { openMongo } from '../services/mongo.ts'
import type { Server } from '../services/server.ts'
import type { Places } from './holdings.ts'
import type { SinkType } from './options.ts'

/** A sink of a run: what the configuration says of it, where a judge finds its records, and what can be spoilt. */
export interface ChaosSink {
  readonly config: Readonly<Record<string, unknown>>
  readonly place?: string
  readonly server?: Server
  readonly link?: FaultProxy
}

type Open = (folder: string, opened: AsyncDisposableStack) => Promise<ChaosSink>

/** Opens a sink's server with a proxy before it, or says which folder it has. `opened` closes both. */
export async function openChaosSink(type: SinkType, folder: string, opened: AsyncDisposableStack): Promise<ChaosSink> {
  return await openers[type](folder, opened)
}

const openers: Record<SinkType, Open> = {
  async file(folder) {
    const place = join(folder, 'files')
    return { config: { type: 'file', folder: place, fields: ['id', 'path', 'status'] }, place } // whole records would fill the disk in half an hour
  },
  async prometheus() {
    return { config: { type: 'prometheus' } }
  },
  async store(folder) {
    const place = join(folder, 'store')
    return { config: { type: 'store', dir: place }, place }
  },
  async clickhouse(_, opened) {
    const server = opened.use(await openClickHouse())
    const link = opened.use(await openFaultProxy(server))
    const config = { type: 'clickhouse', url: `http://127.0.0.1:${link.port}` }
    return { config, place: server.url, server, link }
  },
  async mongo(_, opened) {
    const server = opened.use(await openMongo())
    const link = opened.use(await openFaultProxy(server))
    const urlAt = (port: number) => server.url.replace(`:${server.port}/`, `:${port}/chaos`)
    const slow = { chunkRecords: 50, block: { maxRecords: 500 } } // the server hangs at 100 statements, and reads all it has for each chunk that comes again
    const config = { type: 'mongo', url: urlAt(link.port), ...slow }
    return { config, place: urlAt(server.port), server, link }
  },
  async otlp(_, opened) {
    const server = opened.use(await openCollector())
    const link = opened.use(await openFaultProxy(server))
    const config = { type: 'otlp', url: `http://127.0.0.1:${link.port}` }
    return { config, place: join(server.folder, 'received.jsonl'), server, link }
  },
}

/** Where a judge looks. */
export function toPlaces(opened: ReadonlyMap<string, ChaosSink>): Places {
  return Object.fromEntries([...opened].flatMap(([name, { place }]) => (place === undefined ? [] : [[name, place]])))
}
