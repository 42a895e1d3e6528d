import type { Ledger, ProducerReport, ShardReport } from '../ledger.ts'
import type { Database } from './database.ts'
import { onlyShard } from './frames.ts'

interface LedgerRow {
  readonly sink: string
  readonly started: number
  readonly cursor_offset: number
  readonly cursor_index: number
  readonly delivered: number
  readonly filtered: number
  readonly dead_lettered: number
  readonly evicted: number
}

/** The whole log as of one moment. */
export function inspect(db: Database, maxBytes: number): ShardReport {
  const { sql } = db
  return db.snapshot(() => {
    const log = sql.get`SELECT cumulative, size_bytes FROM log` as { cumulative: number; size_bytes: number } // made with the file
    const producers = sql.all`SELECT producer, boot, next_seq AS nextSeq, appended, skipped FROM producers ORDER BY producer, boot`
    return {
      shard: onlyShard,
      ledgers: findLedgers(db, log.cumulative).sort((a, b) => (a.sink < b.sink ? -1 : 1)),
      producers: (producers as unknown as ProducerReport[]).map((row) => ({ ...row })), // the columns are named in the statement; a row has no prototype
      bytes: log.size_bytes,
      maxBytes,
      cumulative: log.cumulative,
    }
  })
}

/** One walk over the counts of the frames gives every sink's backlog: from the foremost cursor to the hindmost. */
function findLedgers({ sql }: Database, cumulative: number): Ledger[] {
  const rows = sql.all`SELECT * FROM readers ORDER BY cursor_offset DESC` as unknown as LedgerRow[] // as the schema has it
  const held = countDeadLetters(sql)
  let countedFrom = Number.MAX_SAFE_INTEGER
  let records = 0
  return rows.map((row) => {
    records += countRecords(sql, row.cursor_offset, countedFrom)
    countedFrom = row.cursor_offset
    const { sink, started, delivered, filtered, dead_lettered: deadLettered, evicted } = row
    return {
      ...{ sink, appended: cumulative - started, delivered, filtered, deadLettered, evicted },
      backlog: records - row.cursor_index,
      deadLettersHeld: held.get(sink) ?? 0,
      oldestAtMs: appendedAt(sql, row.cursor_offset),
    }
  })
}

function countRecords(sql: Database['sql'], from: number, before: number): number {
  const { records } = sql.get`
    SELECT ifnull(sum(count), 0) AS records FROM frames INDEXED BY frames_by_count WHERE offset >= ${from} AND offset < ${before}
  ` as { records: number } // one row
  return records
}

function countDeadLetters(sql: Database['sql']): ReadonlyMap<string, number> {
  const rows = sql.all`SELECT sink, count(*) AS held FROM dead_letters GROUP BY sink`
  return new Map((rows as unknown as { sink: string; held: number }[]).map(({ sink, held }) => [sink, held])) // the columns are named in the statement
}

function appendedAt(sql: Database['sql'], offset: number): number | undefined {
  const row = sql.get`SELECT appended_at_ms AS atMs FROM frames WHERE offset >= ${offset} ORDER BY offset LIMIT 1`
  return (row as { atMs: number } | undefined)?.atMs // the column is named in the statement
}
