import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api'
import { HaltError, RetryableError } from '../sink.ts'
import { sqlText } from './schema.ts'

/** DuckDB's two modules, loaded when a store is opened. */
export interface DuckDb {
  readonly api: typeof import('@duckdb/node-api')
  readonly bindings: typeof import('@duckdb/node-bindings')
}

export type SqlValue = string | number
export type SqlRow = Readonly<Record<string, unknown>>

/** Loads DuckDB. Throws HaltError where there is none for this machine. */
export async function loadDuckDb(): Promise<DuckDb> {
  try {
    const [api, { default: bindings }] = await Promise.all([
      import('@duckdb/node-api'),
      import('@duckdb/node-bindings'),
    ])
    return { api, bindings }
  } catch (error) {
    throw new HaltError(
      'DuckDB cannot be loaded: reinstall the dependencies on this machine (it has binaries for Linux, macOS and Windows on x64 and arm64), or use another store.',
      { cause: error },
    )
  }
}

/**
 * Opens an engine without a database of its own: it reads and writes files under `dir` and nothing else, takes at most
 * `memoryBytes`, and starts no threads, so that a statement costs the one thread of Node's pool that it runs on.
 */
export async function openEngine({ api }: DuckDb, dir: string, memoryBytes: number): Promise<DuckDBInstance> {
  const instance = await api.DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: `${Math.floor(memoryBytes / 1024)}KiB`,
    temp_directory: '', // nothing may spill: the disk limit holds for all that is written
    enable_external_file_cache: 'false', // the system's cache holds the files as well, outside of our memory
    preserve_insertion_order: 'false', // lets a row group be closed by its size in bytes
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  const connection = await instance.connect()
  await connection.run(`SET allowed_directories = [${sqlText(`${dir}/`)}]`)
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run('SET enable_external_access = false')
  await connection.run('SET lock_configuration = true')
  connection.closeSync()
  return instance
}

/** Runs one statement; an abort interrupts it and throws the signal's reason. */
export async function runSql(
  connection: DuckDBConnection,
  sql: string,
  params: Readonly<Record<string, SqlValue>>,
  signal: AbortSignal,
): Promise<SqlRow[]> {
  signal.throwIfAborted()
  const interrupt = () => connection.interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    const result = await connection.runAndReadAll(sql, params as Record<string, DuckDBValue>) // SqlValue is a part of DuckDBValue
    return result.getRowObjectsJS()
  } catch (error) {
    signal.throwIfAborted()
    throw toStoreError(error)
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

/** The statement needs more memory than is left: later there may be more, and a smaller one needs less. */
export class OutOfMemoryError extends RetryableError {}

/** Turns what DuckDB, SQLite and the file system throw into what should happen next. */
export function toStoreError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  if (message.startsWith('Out of Memory'))
    return new OutOfMemoryError('DuckDB has too little memory for this now.', { cause: error, afterMs: 1000 })
  if (/no space left|disk quota|disk is full/i.test(message))
    return new RetryableError('The disk is full: free some space, or lower the store’s maxBytes.', {
      cause: error,
      afterMs: 5000,
    })
  return error instanceof Error ? error : new Error(message)
}
