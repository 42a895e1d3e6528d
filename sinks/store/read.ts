import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { runSql, type SqlRow, type SqlValue } from './duckdb.ts'
import type { Folder } from './folder.ts'
import type { Manifest } from './manifest.ts'
import { recordsSql } from './schema.ts'

/** A question to the store. */
export interface StoreStatement {
  /** A SELECT over the table `records`, whose columns are `columns` of schema.ts; values as `$name`. */
  readonly sql: string
  readonly params: Readonly<Record<string, SqlValue>>
  /** Only files that may hold records of this time are read; the statement itself says which records it wants. Unix microseconds. */
  readonly fromUs: number
  readonly toUs: number
}

export interface StoreAnswer {
  readonly rows: readonly SqlRow[]
  /** When the log took the newest block that the answer is made of, Unix milliseconds; undefined while there is none. */
  readonly receivedAtMs: number | undefined
  /** Of what was received before this, records were let go; Unix milliseconds, 0 where nothing was. */
  readonly completeFromMs: number
}

export interface Readers extends AsyncDisposable {
  query(statement: StoreStatement, signal: AbortSignal): Promise<StoreAnswer>
}

export interface ReadersOptions {
  readonly engine: DuckDBInstance
  readonly folder: Folder
  readonly manifest: Manifest
}

/** Two: of the four threads of Node's pool, one is left to writing and one to files. */
const atOnce = 2

/** Opens the reading side: so many questions are answered at once, the others wait their turn. */
export async function openReaders({ engine, folder, manifest }: ReadersOptions): Promise<Readers> {
  const idle: DuckDBConnection[] = []
  for (let i = 0; i < atOnce; i++) idle.push(await engine.connect())
  const waiting: ((connection: DuckDBConnection) => void)[] = []

  async function borrow(): Promise<DuckDBConnection> {
    return idle.pop() ?? (await new Promise<DuckDBConnection>((resolve) => waiting.push(resolve)))
  }

  function giveBack(connection: DuckDBConnection): void {
    const next = waiting.shift()
    if (next) next(connection)
    else idle.push(connection)
  }

  return {
    async query({ sql, params, fromUs, toUs }, signal) {
      const connection = await borrow()
      try {
        signal.throwIfAborted()
        const files = manifest.within(fromUs, toUs)
        const { receivedAtMs, goneBeforeHour } = manifest.facts
        using _lease = folder.lease(files)
        const sources = files.map((file) => ({ path: folder.path(file.name), columns: file.columns }))
        const whole = `WITH records AS NOT MATERIALIZED (\n${recordsSql(sources)}\n)\nSELECT * FROM (${sql})`
        const rows = await runSql(connection, whole, params, signal)
        return { rows, receivedAtMs: receivedAtMs || undefined, completeFromMs: goneBeforeHour * 3_600_000 }
      } finally {
        giveBack(connection)
      }
    },
    async [Symbol.asyncDispose]() {
      for (let i = 0; i < atOnce; i++) (await borrow()).closeSync()
    },
  }
}
