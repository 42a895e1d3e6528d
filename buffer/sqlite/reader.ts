import type { SQLTagStore } from 'node:sqlite'
import {
  comparePositions,
  FencedError,
  LogResetError,
  type Position,
  type Reader,
  type ReaderOptions,
  type StartAt,
} from '../buffer.ts'
import { leaseMs, ownReader, type Taken } from '../lease.ts'
import type { Database } from './database.ts'
import { findRetries } from './dead-letters.ts'
import { onlyShard, readFrames } from './frames.ts'
import { addSeal, countDeath, findSeals, splitSeal } from './seals.ts'
import { evictTo, settleRetry, settleSeal } from './settle.ts'

interface ReaderRow {
  readonly sink: string
  readonly owner: string
  readonly fence: number
  /** 0 where the last owner let go. */
  readonly lease_until_ms: number
  readonly cursor_offset: number
  readonly cursor_index: number
}

/** What the readers of one opened log share. */
export interface ReaderLog {
  readonly db: Database
  readonly leases: Set<AsyncDisposable>
  readonly now: () => number
}

/** Takes the reading end of a sink; undefined while another owner's lease holds. */
export function takeReader(log: ReaderLog, options: ReaderOptions): Reader | undefined {
  const { db, now } = log
  const { sql } = db
  const { sink, owner } = options
  const taken = db.change(() => {
    const known = findReader(sql, sink)
    if (known && known.owner !== owner && known.lease_until_ms > now()) return undefined
    if (!known) register(sql, options)
    else if (known.lease_until_ms !== 0) countDeath(sql, sink)
    const { fence } = sql.get`UPDATE log SET fence = fence + 1 RETURNING fence` as { fence: number } // made with the file
    sql.run`UPDATE readers SET owner = ${owner}, fence = ${fence}, lease_until_ms = ${now() + leaseMs} WHERE sink = ${sink}`
    const cursor = cursorOf(findReader(sql, sink)!) // registered above
    return { sink, shard: onlyShard, fence, cursor, seals: findSeals(sql, sink), state: findState(sql, sink) }
  })
  return taken && openReader(log, taken)
}

function register(sql: SQLTagStore, { sink, owner, startAt }: ReaderOptions): void {
  const start = findStart(sql, startAt)
  sql.run`INSERT INTO readers (sink, started, cursor_offset, cursor_index, fence, owner, lease_until_ms) VALUES (${sink}, ${start}, ${start}, 0, 0, ${owner}, 0)`
}

function findStart(sql: SQLTagStore, startAt: StartAt): number {
  const { cumulative } = sql.get`SELECT cumulative FROM log` as { cumulative: number } // made with the file
  if (startAt === 'now') return cumulative
  const sinceMs = startAt === 'oldest' ? 0 : startAt.atMs
  const first = sql.get`SELECT offset FROM frames INDEXED BY frames_by_count WHERE appended_at_ms >= ${sinceMs} ORDER BY offset LIMIT 1`
  return (first as { offset: number } | undefined)?.offset ?? cumulative // the column is named in the statement
}

function findReader(sql: SQLTagStore, sink: string): ReaderRow | undefined {
  return sql.get`SELECT * FROM readers WHERE sink = ${sink}` as ReaderRow | undefined // as the schema has it
}

function findState(sql: SQLTagStore, sink: string): ReadonlyMap<string, Uint8Array> {
  const rows = sql.all`SELECT key, value FROM states WHERE sink = ${sink}`
  return new Map((rows as unknown as { key: string; value: Uint8Array }[]).map(({ key, value }) => [key, value])) // as the schema has it
}

function cursorOf(row: ReaderRow): Position {
  return { offset: row.cursor_offset, index: row.cursor_index }
}

function openReader({ db, leases, now }: ReaderLog, taken: Taken): Reader {
  const { sql } = db
  const { sink, fence } = taken

  /** Where everything before is settled now. Throws FencedError once somebody else has taken this sink. */
  function ownedCursor(): Position {
    const row = findReader(sql, sink)
    if (!row) throw new FencedError(`${sink} was retired.`)
    if (row.fence !== fence) throw new FencedError(`${sink} was taken by ${row.owner}.`)
    return cursorOf(row)
  }

  const change = <T>(work: (cursor: Position) => T) => db.change(() => work(ownedCursor()))
  const setLease = async (untilMs: number) =>
    void change(() => sql.run`UPDATE readers SET lease_until_ms = ${untilMs} WHERE sink = ${sink}`)

  return ownReader(
    taken,
    {
      read: async (from, { maxBytes }) =>
        db.snapshot(() => {
          const frames = readFrames(sql, from.offset, maxBytes)
          // What lies before the cursor may have been trimmed meanwhile, what lies beyond it never.
          if (frames[0] && frames[0].offset > from.offset && comparePositions(from, ownedCursor()) >= 0)
            throw new LogResetError(`The log lacks the frames from record ${from.offset} to ${frames[0].offset}.`)
          return frames
        }),
      seal: async (block) => change((cursor) => addSeal(sql, sink, cursor, block)),
      split: async (seal, at, tokens) => change(() => splitSeal(sql, sink, seal, at, tokens)),
      settle: async (seal, settlement) => change((cursor) => settleSeal(sql, sink, cursor, seal, settlement, now())),
      retries: async (options) => db.snapshot(() => findRetries(sql, sink, options?.limit)),
      settleRetry: async (batch, settlement) => change(() => settleRetry(sql, sink, batch, settlement)),
      evict: async (to, records) => change((cursor) => evictTo(sql, sink, cursor, to, records)),
    },
    { renew: () => setLease(now() + leaseMs), release: () => setLease(0), among: leases },
  )
}
