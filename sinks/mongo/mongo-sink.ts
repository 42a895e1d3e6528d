import type { Db, MongoClient } from 'mongodb'
import type { Log } from '../../runtime/log.ts'
import { orAborted } from '../../runtime/wait.ts'
import { type Block, RejectedError, RetryableError, type Sink } from '../sink.ts'
import { openClient } from './connection.ts'
import { countedBefore } from './counted.ts'
import { toSinkError } from './failure.ts'
import type { MongoOptions } from './options.ts'
import { checkCapped, insertRaw, type RawCollection, rawCollection } from './raw.ts'
import { tally } from './tally.ts'
import { addUsage, sweepUsage, type UsageCollection, usageCollection } from './usage.ts'

const sweepEveryMs = 3_600_000 // usage is kept for days

/** Records first, by their identity; then usage, by each document's memory of how far it has come. So every step may be repeated. */
export class MongoSink implements Sink {
  readonly #options: MongoOptions
  readonly #log: Log
  readonly #client: MongoClient
  readonly #db: Db
  readonly #raw: RawCollection
  readonly #usage: UsageCollection
  #sweptAt = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: MongoOptions, log: Log) {
    this.#options = options
    this.#log = log
    this.#client = openClient(options)
    this.#db = this.#client.db()
    this.#raw = rawCollection(this.#db, options)
    this.#usage = usageCollection(this.#db, options)
  }

  async write(block: Block, signal: AbortSignal): Promise<undefined> {
    signal.throwIfAborted()
    try {
      await orAborted(this.#store(block, signal), signal) // the driver's writes cannot be aborted
    } catch (error) {
      signal.throwIfAborted()
      throw toSinkError(error)
    }
  }

  async #store(block: Block, signal: AbortSignal): Promise<void> {
    const pace = { chunk: this.#options.chunkRecords, signal }
    await this.#connect()
    await checkCapped(this.#db, this.#options, signal)
    const { present, refused } = await insertRaw(this.#raw, block, pace)
    const found = present.map((place) => block.records[place]!) // places of the block
    const counted = await countedBefore(found, block, { raw: this.#raw, usage: this.#usage }, signal)
    const toCount = block.records.filter((record, place) => !refused.has(place) && !counted.has(record))
    await addUsage(this.#usage, tally(toCount, block), block, pace)
    await this.#sweep(signal)
    const [reason] = refused.values()
    if (reason !== undefined)
      throw new RejectedError(`MongoDB refused the record: ${reason}`, {
        indexes: [...refused.keys()],
        othersStored: true,
      })
  }

  /** Nothing to do where there are connections. By itself the driver would never again try after a first attempt that failed. */
  async #connect(): Promise<void> {
    if (!this.#isClosed) await this.#client.connect()
    if (!this.#isClosed) return
    await this.#client.close(true)
    throw new RetryableError('The sink was closed while it wrote.')
  }

  /** A failure harms nothing but disk space: it is told, and the next hour tries again. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const now = Date.now()
    if (signal.aborted || now - this.#sweptAt < sweepEveryMs) return
    this.#sweptAt = now
    const { collection, retentionDays } = this.#options.usage
    try {
      const documents = await sweepUsage(this.#usage, retentionDays, now)
      if (documents > 0) this.#log('info', 'Old usage was deleted.', { collection, documents, retentionDays })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#log('warn', 'Old usage could not be deleted; the next hour tries again.', { collection, reason })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#client.close(true)
  }
}
