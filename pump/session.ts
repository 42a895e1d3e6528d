import type { Buffer, Reader, Seal } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import type { Log } from '../runtime/log.ts'
import type { BlockLimits, RejectedError, Sink } from '../sinks/sink.ts'
import { type Attempted, type AttemptObserver, attempt, halt } from './attempt.ts'
import { Cutter } from './cutter.ts'
import { type Draft, toDeadLetter } from './draft.ts'
import type { FrameCache } from './frame-cache.ts'
import { persist } from './persist.ts'
import { SealedBlock } from './sealed-block.ts'

/** What counts and shows the deliveries of one sink × shard. Its functions need no `this`. */
export interface DeliveryObserver extends AttemptObserver {
  readonly onReceived: (records: number) => void
  readonly onSettled: (counts: { delivered: number; deadLettered: number; bytes: number }) => void
  readonly onEvicted: (records: number) => void
  /** The loop has turned: it is alive. */
  readonly onTurn: () => void
}

export interface SessionOptions {
  readonly name: string
  readonly sink: Sink
  readonly buffer: Pick<Buffer, 'incarnation'>
  readonly reader: Reader
  readonly cache: FrameCache
  readonly limits: BlockLimits
  /** Blocks sealed and not settled at once; 1 where the sink needs order. */
  readonly inFlight: number
  readonly haltedRetryMs: number
  readonly log: Log
  readonly observer: DeliveryObserver
}

/** The rules that every block is sealed under while sinks have no filter of their own: all records, whole. */
const everything = '{}'

/** Up to this many rejected records are isolated whatever the block's size; beyond, more than a tenth halts the sink. */
const isolatedFreely = 100

/** How many records of a block, with the parts that it was split into, were found at fault. */
interface Family {
  rejected: number
  readonly size: number
}

/** A sealed block on its way. */
interface Sent {
  readonly seal: Seal
  readonly draft: Draft
  readonly attempted: Promise<Attempted>
}

/**
 * One ownership of one sink × shard: sends again what was sealed, then seals, sends and settles. Several blocks may be
 * on their way; they settle in order.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #signal: AbortSignal
  readonly #abort = new AbortController()
  readonly #settlements: Promise<void>[] = []

  constructor(options: SessionOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.reader.lost, this.#abort.signal])
  }

  /**
   * Runs until `stop` is aborted, and then settles what is on its way within `graceMs`; what does not settle stays sealed.
   * Throws FencedError when another owner has come, LogResetError when the log is not the one it was.
   */
  async run(stop: AbortSignal, { graceMs }: { graceMs: number }): Promise<void> {
    const graceEnded = new Error('What was on its way did not settle before the grace period ended.')
    const endGrace = () => this.#abort.abort(graceEnded)
    const startGrace = () => AbortSignal.timeout(graceMs).addEventListener('abort', endGrace, { once: true })
    stop.addEventListener('abort', startGrace, { once: true })
    try {
      await this.#deliver(stop)
    } catch (error) {
      if (!stop.aborted || (this.#signal.aborted && this.#signal.reason !== graceEnded)) throw error
      await Promise.allSettled(this.#settlements)
    } finally {
      stop.removeEventListener('abort', startGrace)
      this.#abort.abort(new Error('The session has ended.'))
      await Promise.allSettled(this.#settlements)
    }
  }

  async #deliver(stop: AbortSignal): Promise<never> {
    const { reader, cache, limits, name, observer } = this.#options
    const cutter = new Cutter({
      shard: reader.shard,
      from: reader.cursor,
      read: (from, options) => this.#persist(() => reader.read(from, options)),
      decode: (frame) => cache.entries(reader.shard, frame),
      limits,
    })
    for (const seal of reader.seals) {
      stop.throwIfAborted()
      await this.#dispatch(seal, await cutter.fill(seal.from, seal.to), true)
    }
    const stopped = AbortSignal.any([stop, this.#signal])
    for (;;) {
      const draft = await cutter.next(stopped, observer.onTurn)
      const seal = await this.#persist(() =>
        reader.seal({ from: draft.from, to: draft.to, token: draft.token(name), shape: everything }),
      )
      await this.#dispatch(seal, draft, false)
    }
  }

  /** Sends a sealed block and queues its settlement behind those before it; resolves when there is room for one more on its way. */
  async #dispatch(seal: Seal, draft: Draft, repeated: boolean): Promise<void> {
    this.#options.observer.onReceived(draft.size)
    const sent = this.#send(seal, draft, repeated)
    const before = this.#settlements.at(-1) ?? Promise.resolve()
    const settlement = before.then(() => this.#settleOrIsolate(sent, { rejected: 0, size: draft.size }))
    settlement.catch((error) => this.#abort.abort(error))
    this.#settlements.push(settlement)
    while (this.#settlements.length >= this.#options.inFlight) {
      await this.#settlements[0]
      this.#settlements.shift()
    }
  }

  #persist<T>(ask: () => Promise<T>): Promise<T> {
    const { observer, log } = this.#options
    return persist(ask, {
      signal: this.#signal,
      onTrouble: (error) => {
        observer.onState('retrying', error.message)
        log('warn', 'Buffer cannot be reached; it will be asked again.', { reason: error.message })
      },
      onRecovered: () => observer.onState('running'),
    })
  }

  #send(seal: Seal, draft: Draft, repeated: boolean): Sent {
    const { buffer, reader } = this.#options
    const { shard } = reader
    const toBlock = (again: boolean) =>
      new SealedBlock(seal, draft, { shard, incarnation: buffer.incarnation, repeated: repeated || again })
    const isEmpty = () => draft.undecodable().size === draft.size
    const attempted = attempt(toBlock, { ...this.#options, isEmpty, signal: this.#signal })
    attempted.catch(() => {}) // awaited when its turn to settle comes
    return { seal, draft, attempted }
  }

  /** Settles a block that the backend has; otherwise isolates the records at fault by durable splits and delivers the others. */
  async #settleOrIsolate(first: Sent, family: Family): Promise<void> {
    for (let sent = first; ; sent = this.#send(sent.seal, sent.draft, true)) {
      const attempted = await sent.attempted
      if (attempted.stored) return await this.#settle(sent, attempted, [], '')
      const { rejection } = attempted
      const count = sent.draft.size - sent.draft.undecodable().size
      const atFault = count === 1 ? [0] : (rejection.indexes ?? [])
      const rejected = family.rejected + atFault.length
      if (rejected <= isolatedFreely || rejected <= family.size / 10) {
        if (count > 1 && !rejection.othersStored) return await this.#isolate(sent, rejection, count, family)
        family.rejected = rejected
        return await this.#settle(sent, attempted, atFault, rejection.message)
      }
      await halt(rejection, 'Sink rejects more than a tenth of a block and is halted until this is mended.', {
        ...this.#options,
        signal: this.#signal,
      })
    }
  }

  /** Makes two blocks of one, durably, before either of them is sent. */
  async #isolate({ seal, draft }: Sent, rejection: RejectedError, count: number, family: Family): Promise<void> {
    const { name, reader } = this.#options
    const [left, right] = draft.splitAt(splitPoint(draft, count, rejection))
    const tokens = [left.token(name), right.token(name)] as const
    const [first, second] = await this.#persist(() => reader.split(seal, right.from, tokens))
    await this.#settleOrIsolate(this.#send(first, left, false), family)
    await this.#settleOrIsolate(this.#send(second, right, false), family)
  }

  async #settle(
    { seal, draft }: Sent,
    attempted: Attempted,
    rejected: readonly number[],
    reason: string,
  ): Promise<void> {
    const { reader, sink, observer } = this.#options
    const refused = recordsAt(draft, rejected)
    const deadLetters = [...draft.undecodable().values(), ...refused.map((record) => toDeadLetter(record, reason))]
    const delivered = draft.size - deadLetters.length
    const sums = draft.minutes
    for (const record of refused) sums.remove(record)
    const minutes = sums.toList()
    const state = attempted.stored ? attempted.written?.state : undefined
    const settlement = { delivered, filtered: 0, deadLetters, minutes, ...(state ? { state } : {}) }
    await this.#persist(() => reader.settle(seal, settlement))
    sink.settled?.(attempted.block)
    observer.onSettled({ delivered, deadLettered: deadLetters.length, bytes: draft.bytes })
  }
}

function recordsAt(draft: Draft, indexes: readonly number[]): RequestRecord[] {
  if (indexes.length === 0) return []
  const records = [...draft.records()]
  return [...new Set(indexes)].flatMap((index) => records[index] ?? [])
}

/** Before the first record that the backend named, or behind it where it comes first; in the middle where it named none. Counted in entries. */
function splitPoint(draft: Draft, count: number, { indexes }: RejectedError): number {
  const named = indexes?.reduce((least, index) => Math.min(least, index), count)
  const record = named === undefined || named === count ? count >> 1 : Math.max(named, 1)
  return Math.min(Math.max(draft.placeOf(record), 1), draft.size - 1)
}
