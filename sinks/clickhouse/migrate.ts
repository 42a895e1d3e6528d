import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../runtime/log.ts'
import { HaltError } from '../sink.ts'
import type { Connection } from './connection.ts'
import type { ClickHouseOptions } from './options.ts'
import { tables } from './tables.ts'

/** One numbered file of `migrations/`. Its statements may run again after a crash between them, or in two pumps at once, without harm. */
export interface Migration {
  readonly version: number
  readonly name: string
  /** Those of the file, then one that records the version as reached. */
  readonly statements: readonly string[]
}

const folder = join(import.meta.dirname, 'migrations')

/** Every migration in order, with the tables' names as the prefix gives them. */
export function migrations(options: Pick<ClickHouseOptions, 'prefix'>): readonly Migration[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sql'))
  return files.sort().map((file) => {
    const version = Number.parseInt(file, 10)
    const name = file.slice(0, -'.sql'.length)
    const sql = readFileSync(join(folder, file), 'utf8').replaceAll('{prefix}', options.prefix)
    const reached = `INSERT INTO ${tables(options).migrations} (version, name) VALUES (${version}, '${name}')`
    return { version, name, statements: [...statementsOf(sql), reached] }
  })
}

/** Everything that `migrate` would run on an empty database: for an operator who runs it by hand, changed to the cluster's engines where there are several servers. */
export function migrationScript(options: ClickHouseOptions): readonly string[] {
  return [
    versionsTable(options),
    ...migrations(options).flatMap(({ statements }) => statements),
    ...tableSettings(options).map(({ statement }) => statement),
  ]
}

const versionsTable = (options: ClickHouseOptions) =>
  `CREATE TABLE IF NOT EXISTS ${tables(options).migrations} (version UInt32, name String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = MergeTree ORDER BY version`

const statementsOf = (sql: string) =>
  sql
    .split(/;\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

/** What a table should be by the options, and the statement that makes it so. */
export interface TableSetting {
  readonly table: string
  /** Parts of the table's definition when it is so. */
  readonly marks: readonly string[]
  readonly statement: string
}

/** Retention and deduplication, which follow the options and not the version. */
export function tableSettings(options: ClickHouseOptions): readonly TableSetting[] {
  const { requests, usage1m, usage1h } = tables(options)
  const { inserts, seconds } = options.dedupe
  const remembered = [
    `non_replicated_deduplication_window = ${inserts}`, // 0 by default: then nothing is recognised
    `replicated_deduplication_window = ${inserts}`,
    `replicated_deduplication_window_seconds = ${seconds}`,
  ]
  const settings = (table: string, column: string, days: number): TableSetting[] => {
    const ttl = `TTL ${column} + toIntervalDay(${days})`
    return [
      { table, marks: [ttl], statement: `ALTER TABLE ${table} MODIFY ${ttl}` },
      { table, marks: remembered, statement: `ALTER TABLE ${table} MODIFY SETTING ${remembered.join(', ')}` },
    ]
  }
  return [
    ...settings(requests, 'received_at', options.retentionDays),
    ...settings(usage1m, 'received', options.minuteRetentionDays),
    ...settings(usage1h, 'received', options.hourRetentionDays),
  ]
}

/** Brings the tables to the newest version and to what the options say. */
export async function migrate(
  connection: Connection,
  options: ClickHouseOptions,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  await connection.run(versionsTable(options), signal)
  const reached = await versionOf(connection, options, signal)
  for (const { version, name, statements } of migrations(options)) {
    if (version <= reached) continue
    for (const statement of statements) await connection.run(statement, signal)
    log('info', 'ClickHouse tables were migrated.', { version, migration: name })
  }
  const definitions = await definitionsOf(connection, signal)
  for (const { table, marks, statement } of tableSettings(options)) {
    const parts = definitions.get(table) ?? []
    if (marks.every((mark) => parts.includes(mark))) continue
    await connection.run(statement, signal)
    log('debug', 'A ClickHouse table was set as the options say.', { table, settings: marks })
  }
}

export function newestVersion(options: Pick<ClickHouseOptions, 'prefix'>): number {
  return migrations(options).at(-1)?.version ?? 0
}

/** Throws HaltError where the tables are older than what this Penstock inserts. */
export async function checkVersion(
  connection: Connection,
  options: ClickHouseOptions,
  signal: AbortSignal,
): Promise<void> {
  const needed = newestVersion(options)
  const reached = await versionOf(connection, options, signal)
  if (reached >= needed) return
  throw new HaltError(
    `The tables ${options.prefix}… are at version ${reached} and version ${needed} is needed: run the migrations, or set migrate to true.`,
  )
}

export async function versionOf(
  connection: Connection,
  options: ClickHouseOptions,
  signal: AbortSignal,
): Promise<number> {
  return Number(await connection.run(`SELECT max(version) FROM ${tables(options).migrations} FORMAT TSV`, signal))
}

/** What follows ENGINE in the definition of each table, its TTL and its settings apart. */
export async function definitionsOf(
  connection: Connection,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const sql = 'SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() FORMAT JSONCompactEachRow'
  const rows = (await connection.run(sql, signal)).split('\n').filter((line) => line !== '')
  return new Map(
    rows.map((line) => {
      const [name, engine] = JSON.parse(line) as [string, string] // the two columns asked for
      return [name, engine.split(/, | SETTINGS | (?=TTL )/)]
    }),
  )
}
