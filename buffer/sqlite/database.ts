import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLTagStore } from 'node:sqlite'
import { ConfigError } from '../../runtime/check.ts'
import { BufferFullError, BufferUnavailableError } from '../buffer.ts'
import { migrations } from './schema.ts'

/** Name of the file in its folder. */
export const databaseFile = 'buffer.db'
/** 5 s: another process' transaction takes milliseconds; whoever holds the lock for longer hangs. */
const busyMs = 5000

/** One connection to the database file of a buffer. Several processes may each have one. */
export interface Database extends Disposable {
  readonly file: string
  /** Runs SQL written as a template, prepared once; `${}` binds a value. */
  readonly sql: SQLTagStore
  /** All of `work` or nothing, durable when it returns; nobody else writes meanwhile. Nested calls join the outer one. */
  change<T>(work: () => T): T
  /** Reads from one snapshot. */
  snapshot<T>(work: () => T): T
}

/** Opens the database, made with its folder where it is not there. Throws ConfigError where it may not be used as it is. */
export function openDatabase(dir: string): Database {
  const file = join(dir, databaseFile)
  let db: DatabaseSync | undefined
  try {
    mkdirSync(dir, { recursive: true })
    db = new DatabaseSync(file, { timeout: busyMs })
    // 8 KiB: frames of 64 KiB are read twice as fast as from the 4 KiB that are the default. 64 MiB: what a long read has let the log grow to is given back.
    db.exec(`
      PRAGMA page_size = 8192;
      PRAGMA journal_mode = wal;
      PRAGMA synchronous = full;
      PRAGMA journal_size_limit = ${64 * 1024 * 1024};
      PRAGMA foreign_keys = on;
    `)
    const database = wrap(file, db)
    database.change(() => migrate(database, db!)) // opened above
    return database
  } catch (error) {
    db?.close()
    throw toOpenError(error, file)
  }
}

function migrate(database: Database, db: DatabaseSync): void {
  const found = formatOf(db)
  if (found > migrations.length) throw new ConfigError(Object.values(unknownFormat(found, database.file)).join(' '))
  for (const migration of migrations.slice(found)) db.exec(migration)
  db.exec(`PRAGMA user_version = ${migrations.length}`)
  if (found === 0) database.sql.run`INSERT INTO log VALUES (1, ${randomUUID()}, 0, 0, 0, ${randomUUID()}, 0)`
}

/** How many migrations a database has behind it; 0 for an empty one. */
export function formatOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

export function unknownFormat(format: number, file: string) {
  return {
    found: `The buffer ${file} has format ${format}; this Penstock knows ${migrations.length}.`,
    advice: 'Run the version that wrote it, or let that one deliver what it holds and give this one another folder.',
  }
}

function wrap(file: string, db: DatabaseSync): Database {
  function transact<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => T): T {
    if (db.isTransaction) return work()
    try {
      db.exec(begin)
      const result = work()
      db.exec('COMMIT')
      return result
    } catch (error) {
      if (db.isOpen && db.isTransaction) db.exec('ROLLBACK')
      throw toBufferError(error, file)
    }
  }
  return {
    file,
    sql: db.createTagStore(),
    change: (work) => transact('BEGIN IMMEDIATE', work),
    snapshot: (work) => transact('BEGIN', work),
    [Symbol.dispose]() {
      if (db.isOpen) db.close()
    },
  }
}

interface SqliteError extends Error {
  readonly errcode: number
  readonly errstr: string
}

/** Primary result codes of SQLite. */
const code = { full: 13, corrupt: 11, notADatabase: 26 }

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR' && 'errcode' in error
}

export function isCorruption(error: unknown): boolean {
  if (!isSqliteError(error)) return false
  const primary = error.errcode & 0xff
  return primary === code.corrupt || primary === code.notADatabase
}

export const whatToDoWhenCorrupt =
  'Stop Penstock and move the file away together with its -wal and -shm: a new one is begun. What was not delivered yet can be taken out of the old one with `sqlite3 buffer.db .recover`.'

function toBufferError(error: unknown, file: string): unknown {
  if (!isSqliteError(error)) return error
  if ((error.errcode & 0xff) === code.full)
    return new BufferFullError(`The disk of ${file} is full: make room.`, { cause: error })
  const advice = isCorruption(error) ? ` ${whatToDoWhenCorrupt}` : ''
  return new BufferUnavailableError(`The buffer ${file} failed: ${error.errstr}.${advice}`, { cause: error })
}

function toOpenError(error: unknown, file: string): unknown {
  const sqlite = error instanceof Error && isSqliteError(error.cause) ? error.cause : error
  if (isSqliteError(sqlite) && isCorruption(sqlite))
    return new ConfigError(`The buffer ${file} is damaged: ${sqlite.errstr}. ${whatToDoWhenCorrupt}`, { cause: error })
  if (isSqliteError(error))
    return new BufferUnavailableError(
      `The buffer ${file} cannot be opened: ${error.errstr}. Can its folder be written to?`,
      { cause: error },
    )
  if (error instanceof Error && 'syscall' in error)
    return new ConfigError(`The folder of the buffer ${file} cannot be made: ${error.message}.`, { cause: error })
  return error
}
