import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Db, MongoClient } from 'mongodb'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { openPumpRole, openSinks } from '../../cli/roles/pump.ts'
import { loadConfig } from '../../config/config.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { encodeFrame } from '../../record/frame.ts'
import { noLog } from '../../runtime/log.ts'
import { clickhouseUrl, mongoUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { type ClickHousePlace, placeAt } from '../sinks/clickhouse/place.ts'
import { run } from './run.ts'

/** A pump of this process with every sink that holds records, at places of the test's own. */
export interface Audited {
  readonly folder: string
  readonly configFile: string
  readonly clickhouse: ClickHousePlace
  readonly mongo: Db
  append(records: readonly RequestRecord[]): Promise<void>
  /** Appends, and resolves once every sink has settled. */
  deliver(records: readonly RequestRecord[]): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
  /** Runs a command with this configuration; every line that it printed, read. */
  ask(...args: string[]): Promise<{ code: number; lines: Line[]; errors: string; out: string }>
}

export type Line = Readonly<Record<string, unknown>> & { readonly kind: string }

export async function openAudited(t: TestContext, overrides: Record<string, object> = {}): Promise<Audited> {
  const folder = await mkdtemp(join(tmpdir(), 'penstock-audit-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const clickhouse = placeAt(t, new URL(await clickhouseUrl(t)))
  const url = await mongoUrl(t)
  const client = new MongoClient(url)
  t.after(() => client.close())
  const sinks: Record<string, object> = {
    clickhouse: { type: 'clickhouse', ...clickhouse.options },
    mongo: { type: 'mongo', url, chunkRecords: 50 }, // FerretDB hangs at 100 statements
    store: { type: 'store' },
    file: { type: 'file' },
    prometheus: { type: 'prometheus' },
  }
  for (const [name, options] of Object.entries(overrides)) sinks[name] = { ...sinks[name], ...options }
  const configFile = join(folder, 'penstock.yaml')
  const config = { dataDir: join(folder, 'data'), pump: { admin: { port: 0 } }, sinks }
  await writeFile(configFile, JSON.stringify(config)) // JSON is YAML

  const producer = randomUUID()
  let seq = 0
  let made = 0
  let opened: AsyncDisposableStack | undefined
  const buffer = () => openSqliteBuffer({ dir: config.dataDir, maxBytes: 1e9 })
  const append = async (records: readonly RequestRecord[]) => {
    await using log = await buffer()
    await using writer = await log.writer()
    made += records.length
    const bytes = encodeFrame(records, { producer, boot: 1, seq, made })
    await writer.append([{ producer, boot: 1, seq: seq++, made, count: records.length, bytes }])
  }
  const isSettled = async () => {
    await using log = await buffer()
    const ledgers = (await log.inspect()).flatMap((shard) => shard.ledgers)
    return ledgers.length === Object.keys(sinks).length && ledgers.every(({ backlog }) => backlog === 0)
  }
  const stop = async () => {
    await opened?.disposeAsync()
    opened = undefined
  }
  t.after(stop)
  return {
    folder,
    configFile,
    clickhouse,
    mongo: client.db(),
    append,
    async deliver(records) {
      await append(records)
      await until(isSettled, { what: 'every sink to settle', timeoutMs: 60_000, everyMs: 50 })
    },
    async start() {
      opened = new AsyncDisposableStack()
      const loaded = loadConfig(configFile)
      await openPumpRole(loaded, await openSinks(loaded, noLog, opened), noLog, opened)
    },
    stop,
    async ask(command = '', ...args) {
      const { code, out, errors } = await run(command, ...args, '--config', configFile)
      const lines = out.startsWith('{')
        ? out
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as Line)
        : [] // as the command documents for programs
      return { code, out, errors, lines }
    },
  }
}
