import type { MinuteSum } from '../../record/minute-sum.ts'
import type {
  Buffer,
  Frame,
  Position,
  Reader,
  ReaderOptions,
  StampedFrame,
  StoredDeadLetter,
  Writer,
} from '../buffer.ts'
import type { ShardReport } from '../ledger.ts'
import { appendFrames, nextSeq, skipFrames } from './append.ts'
import { type Database, openDatabase } from './database.ts'
import { dropDeadLetters, listDeadLetters, retryDeadLetters } from './dead-letters.ts'
import { DiskRoom, defaultReserveBytes } from './disk-room.ts'
import { findFrames, onlyShard, readFrames } from './frames.ts'
import { inspect } from './inspect.ts'
import { findMinutes } from './minutes.ts'
import { takeReader } from './reader.ts'
import { trimFrames } from './trim.ts'

export interface SqliteBufferOptions {
  /** Folder of the database; made where it is not there. */
  readonly dir: string
  /** Bytes of frames at which append refuses. */
  readonly maxBytes: number
  /** How long frames that every sink has passed stay, so that they can be forwarded again; 0 by default. What fills more than half of the log goes earlier. */
  readonly keepMs?: number
  /** What append leaves free on the disk, so that settle and trim always succeed. */
  readonly reserveBytes?: number
  /** Free space of the disk under a file. */
  readonly freeBytes?: (file: string) => number
  readonly now?: () => number
}

/** The log in one file on this machine's disk, which several processes may have open. */
export interface SqliteBuffer extends Buffer {
  /** Begins a boot of this folder's producer: greater than every one before, also where the folder is a restored copy. */
  nextBoot(): Promise<{ readonly producer: string; readonly boot: number }>
  /** Frames of a boot that are still there, from `seq` on in the order of their seq, at least one and about `maxBytes`; empty where there is none. */
  framesFrom(
    producer: string,
    boot: number,
    seq: number,
    options: { readonly maxBytes: number },
  ): Promise<readonly StampedFrame[]>
}

/** Opens the log, made where there is none. Throws ConfigError where its file may not be used as it is. */
export async function openSqliteBuffer(options: SqliteBufferOptions): Promise<SqliteBuffer> {
  return new OpenSqliteBuffer(openDatabase(options.dir), options)
}

class OpenSqliteBuffer implements SqliteBuffer {
  readonly incarnation: string
  readonly shards = [onlyShard]
  readonly #db: Database
  readonly #disk: DiskRoom
  readonly #options: SqliteBufferOptions
  readonly #now: () => number
  readonly #leases = new Set<AsyncDisposable>()

  constructor(db: Database, options: SqliteBufferOptions) {
    const { incarnation } = db.sql.get`SELECT incarnation FROM log` as { incarnation: string } // made with the file
    this.incarnation = incarnation
    this.#db = db
    this.#disk = new DiskRoom({ ...options, file: db.file })
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  async writer(): Promise<Writer> {
    const { maxBytes, reserveBytes = defaultReserveBytes } = this.#options
    const limits = { maxBytes, reserveBytes, disk: this.#disk }
    return {
      next: async (producer, boot) => this.#db.snapshot(() => nextSeq(this.#db, producer, boot)),
      append: async (frames) => appendFrames(this.#db, frames, limits, this.#now()),
      skip: async (gone) => skipFrames(this.#db, gone, this.#now()),
      async [Symbol.asyncDispose]() {},
    }
  }

  async reader(options: ReaderOptions): Promise<Reader | undefined> {
    this.#disk.check()
    return takeReader({ db: this.#db, leases: this.#leases, now: this.#now }, options)
  }

  async inspect(): Promise<readonly ShardReport[]> {
    return [inspect(this.#db, this.#options.maxBytes)]
  }

  async trim({ keepSinceMs } = { keepSinceMs: Number.POSITIVE_INFINITY }): Promise<number> {
    this.#disk.check()
    const { keepMs = 0, maxBytes } = this.#options
    return await trimFrames(this.#db, { keepMs, keepSinceMs, maxBytes, now: this.#now })
  }

  async retire(sink: string): Promise<void> {
    this.#db.change(() => this.#db.sql.run`DELETE FROM readers WHERE sink = ${sink}`)
  }

  async deadLetters(sink: string, page: { limit: number; after?: number }): Promise<readonly StoredDeadLetter[]> {
    return this.#db.snapshot(() => listDeadLetters(this.#db.sql, sink, page))
  }

  async dropDeadLetters(sink: string, ids: readonly number[]): Promise<number> {
    return this.#db.change(() => dropDeadLetters(this.#db.sql, sink, ids))
  }

  async retryDeadLetters(sink: string, ids: readonly number[]): Promise<number> {
    return this.#db.change(() => retryDeadLetters(this.#db.sql, sink, ids))
  }

  async minutes(sink: string, range: { from: number; to: number }): Promise<readonly MinuteSum[]> {
    return this.#db.snapshot(() => findMinutes(this.#db.sql, sink, range))
  }

  async peek(_shard: string, from: Position, { maxBytes }: { maxBytes: number }): Promise<readonly Frame[]> {
    return this.#db.snapshot(() => readFrames(this.#db.sql, from.offset, maxBytes))
  }

  async end(): Promise<Position> {
    const { cumulative } = this.#db.snapshot(() => this.#db.sql.get`SELECT cumulative FROM log`) as {
      cumulative: number
    } // made with the file
    return { offset: cumulative, index: 0 }
  }

  async nextBoot(): Promise<{ producer: string; boot: number }> {
    // Not before the seconds of the clock: a copy of the folder that comes back never repeats the boot of the original.
    const seconds = Math.floor(this.#now() / 1000)
    return this.#db.change(
      () => this.#db.sql.get`UPDATE log SET boot = max(boot + 1, ${seconds}) RETURNING producer, boot`,
    ) as { producer: string; boot: number } // the columns are named in the statement
  }

  async framesFrom(producer: string, boot: number, seq: number, { maxBytes }: { maxBytes: number }) {
    return this.#db.snapshot(() => findFrames(this.#db.sql, { producer, boot, seq }, maxBytes))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lease of this.#leases) await lease[Symbol.asyncDispose]()
    this.#db[Symbol.dispose]()
  }
}
