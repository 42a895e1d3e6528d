import type { Buffer, Reader, Seal } from '../buffer/buffer.ts'
import type { Log } from '../runtime/log.ts'
import type { Block, BlockLimits, RejectedError, Sink, Written } from '../sinks/sink.ts'
import { type Attempted, type AttemptObserver, attempt, halt } from './attempt.ts'
import { Cutter } from './cutter.ts'
import { type Draft, toDeadLetter } from './draft.ts'
import type { FrameCache } from './frame-cache.ts'
import { persist } from './persist.ts'

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

/** A sealed block on its way. */
interface Sent {
  readonly seal: Seal
  readonly draft: Draft
  readonly block: Block
  /** Place of each record among the draft's entries, where some could not be decoded. */
  readonly places: readonly number[] | undefined
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
   * Runs until `stop` is aborted, and then settles what is on its way within `graceMs`. Throws FencedError when another
   * owner has come, LogResetError when the log is not the one it was.
   */
  async run(stop: AbortSignal, { graceMs }: { graceMs: number }): Promise<void> {
    const endGrace = () =>
      this.#abort.abort(new Error('What was on its way did not settle before the grace period ended.'))
    const startGrace = () => AbortSignal.timeout(graceMs).addEventListener('abort', endGrace, { once: true })
    stop.addEventListener('abort', startGrace, { once: true })
    try {
      await this.#deliver(stop)
    } catch (error) {
      if (!stop.aborted || this.#signal.aborted) throw error
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
      cache,
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
    const { records, places } = draft.records()
    const block: Block = {
      token: seal.token,
      records,
      shard: reader.shard,
      incarnation: buffer.incarnation,
      seq: seal.from.offset + seal.from.index,
      endSeq: seal.to.offset + seal.to.index,
      appendedAtMs: draft.appendedAtMs,
      repeated,
    }
    const attempted =
      records.length === 0
        ? Promise.resolve<Attempted>({ stored: true, written: undefined })
        : attempt(block, { ...this.#options, signal: this.#signal })
    attempted.catch(() => {}) // awaited when its turn to settle comes
    return { seal, draft, block, places, attempted }
  }

  /** Settles a block that the backend has; otherwise isolates the records at fault by durable splits and delivers the others. */
  async #settleOrIsolate(sent: Sent, family: { rejected: number; readonly size: number }): Promise<void> {
    const attempted = await sent.attempted
    if (attempted.stored) return await this.#settle(sent, attempted.written, [], '')
    const { rejection } = attempted
    const alone = sent.block.records.length === 1
    if (alone || rejection.othersStored) {
      const indexes = alone ? [0] : (rejection.indexes ?? [])
      const rejected = family.rejected + indexes.length
      if (rejected > isolatedFreely && rejected > family.size / 10) {
        await halt(rejection, 'Sink rejects more than a tenth of a block and is halted until this is mended.', {
          ...this.#options,
          signal: this.#signal,
        })
        return await this.#settleOrIsolate(this.#send(sent.seal, sent.draft, true), family)
      }
      family.rejected = rejected
      return await this.#settle(sent, undefined, indexes, rejection.message)
    }
    const cut = splitPoint(sent, rejection)
    const [left, right] = sent.draft.splitAt(cut)
    const tokens = [left.token(this.#options.name), right.token(this.#options.name)] as const
    const [first, second] = await this.#persist(() => this.#options.reader.split(sent.seal, right.from, tokens))
    await this.#settleOrIsolate(this.#send(first, left, false), family)
    await this.#settleOrIsolate(this.#send(second, right, false), family)
  }

  async #settle(sent: Sent, written: Written | undefined, rejected: readonly number[], reason: string): Promise<void> {
    const { reader, sink, observer } = this.#options
    const letters = sent.draft.undecodable()
    for (const index of rejected) {
      const record = sent.block.records[index]
      if (record) letters.push(toDeadLetter(record, reason))
    }
    const delivered = sent.draft.size - letters.length
    const state = written?.state
    await this.#persist(() =>
      reader.settle(sent.seal, { delivered, filtered: 0, deadLetters: letters, ...(state ? { state } : {}) }),
    )
    sink.settled?.(sent.block)
    observer.onSettled({ delivered, deadLettered: letters.length, bytes: sent.draft.bytes })
  }
}

/** Before the first record that the backend named, or behind it where it comes first; in the middle where it named none. Counted in entries. */
function splitPoint({ block, draft, places }: Sent, rejection: RejectedError): number {
  const named = rejection.indexes?.length ? Math.min(...rejection.indexes) : undefined
  const record = named === undefined ? block.records.length >> 1 : named === 0 ? 1 : named
  const entry = places ? (places[record] ?? draft.size - 1) : record
  return Math.min(Math.max(entry, 1), draft.size - 1)
}
