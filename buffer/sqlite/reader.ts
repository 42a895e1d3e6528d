import type { SQLTagStore } from 'node:sqlite'
import {
  comparePositions,
  FencedError,
  type Frame,
  LogResetError,
  type Position,
  type Reader,
  type ReaderOptions,
  type Seal,
  type Settlement,
} from '../buffer.ts'
import { keepLease, type Lease, leaseMs } from '../lease.ts'
import type { Database } from './database.ts'
import { readFrames } from './frames.ts'
import { addSeal, findSeals, splitSeal } from './seals.ts'
import { evictTo, settleSeal } from './settle.ts'

/** There is one shard: several files would not make a disk faster. */
export const onlyShard = '0'

interface ReaderRow {
  readonly sink: string
  readonly owner: string
  readonly fence: number
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
    const { fence } = sql.get`UPDATE log SET fence = fence + 1 RETURNING fence` as { fence: number } // made with the file
    sql.run`UPDATE readers SET owner = ${owner}, fence = ${fence}, lease_until_ms = ${now() + leaseMs} WHERE sink = ${sink}`
    const cursor = cursorOf(findReader(sql, sink)!) // registered above
    return { sink, fence, cursor, seals: findSeals(sql, sink), state: findState(sql, sink) }
  })
  return taken && new SqliteReader(log, taken)
}

function register(sql: SQLTagStore, { sink, owner, startAt }: ReaderOptions): void {
  const { start } = (
    startAt === 'now'
      ? sql.get`SELECT cumulative AS start FROM log`
      : sql.get`SELECT ifnull((SELECT min(offset) FROM frames), cumulative) AS start FROM log`
  ) as { start: number } // made with the file
  sql.run`INSERT INTO readers (sink, started, cursor_offset, cursor_index, fence, owner, lease_until_ms) VALUES (${sink}, ${start}, ${start}, 0, 0, ${owner}, 0)`
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

class SqliteReader implements Reader {
  readonly sink: string
  readonly shard = onlyShard
  readonly fence: number
  readonly cursor: Position
  readonly seals: readonly Seal[]
  readonly state: ReadonlyMap<string, Uint8Array>
  readonly lost: AbortSignal
  readonly #db: Database
  readonly #sql: SQLTagStore
  readonly #now: () => number
  readonly #lease: Lease

  constructor({ db, leases, now }: ReaderLog, taken: Pick<Reader, 'sink' | 'fence' | 'cursor' | 'seals' | 'state'>) {
    this.sink = taken.sink
    this.fence = taken.fence
    this.cursor = taken.cursor
    this.seals = taken.seals
    this.state = taken.state
    this.#db = db
    this.#sql = db.sql
    this.#now = now
    this.#lease = keepLease({
      renew: async () => this.#change(() => this.#setLease(now() + leaseMs)),
      release: async () => this.#change(() => this.#setLease(0)),
      among: leases,
    })
    this.lost = this.#lease.lost
  }

  async read(from: Position, { maxBytes }: { maxBytes: number }): Promise<readonly Frame[]> {
    return this.#db.snapshot(() => {
      const frames = readFrames(this.#sql, from.offset, maxBytes)
      // What lies before the cursor may have been trimmed meanwhile, what lies beyond it never.
      if (frames[0] && frames[0].offset > from.offset && comparePositions(from, this.#ownedCursor()) >= 0)
        throw new LogResetError(`The log lacks the frames from record ${from.offset} to ${frames[0].offset}.`)
      return frames
    })
  }

  async seal(block: Omit<Seal, 'id'>): Promise<Seal> {
    return this.#change((cursor) => addSeal(this.#sql, this.sink, cursor, block))
  }

  async split(seal: Seal, at: Position, tokens: readonly [string, string]): Promise<readonly [Seal, Seal]> {
    return this.#change(() => splitSeal(this.#sql, this.sink, seal, at, tokens))
  }

  async settle(seal: Seal, settlement: Settlement): Promise<void> {
    this.#change((cursor) => settleSeal(this.#sql, this.sink, cursor, seal, settlement, this.#now()))
  }

  async evict(to: Position, records: number): Promise<void> {
    this.#change((cursor) => evictTo(this.#sql, this.sink, cursor, to, records))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease[Symbol.asyncDispose]()
  }

  #change<T>(work: (cursor: Position) => T): T {
    return this.#db.change(() => work(this.#ownedCursor()))
  }

  /** Where everything before is settled now. Throws FencedError once somebody else has taken this sink. */
  #ownedCursor(): Position {
    const row = findReader(this.#sql, this.sink)
    if (!row) throw new FencedError(`${this.sink} was retired.`)
    if (row.fence !== this.fence) throw new FencedError(`${this.sink} was taken by ${row.owner}.`)
    return cursorOf(row)
  }

  #setLease(untilMs: number): void {
    this.#sql.run`UPDATE readers SET lease_until_ms = ${untilMs} WHERE sink = ${this.sink}`
  }
}
