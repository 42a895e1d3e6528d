import type { Buffer, Reader, Seal } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import type { Log } from '../runtime/log.ts'
import type { Block, BlockLimits, Sink } from '../sinks/sink.ts'
import { type Attempted, attempt, halt } from './attempt.ts'
import type { BufferLink } from './buffer-watch.ts'
import { Cutter } from './cutter.ts'
import { type Draft, toDeadLetter } from './draft.ts'
import type { FrameCache } from './frame-cache.ts'
import { type Family, mayReject, splitPoint } from './isolation.ts'
import { LetterLimit } from './letter-limit.ts'
import type { DeliveryObserver } from './observer.ts'
import { persist } from './persist.ts'
import { Retries } from './retries.ts'
import { ownState } from './retry-state.ts'
import { SealedBlock } from './sealed-block.ts'
import { everything, type Shape, type Shapes } from './shape/shape.ts'
import { type DeathError, deadlyReason, suspectedAfterDeaths, type Trial } from './trial.ts'

export interface SessionOptions {
  readonly name: string
  readonly sink: Sink
  readonly buffer: Pick<Buffer, 'incarnation' | 'retryDeadLetters' | 'inspect'>
  readonly reader: Reader
  readonly cache: FrameCache
  readonly limits: BlockLimits
  readonly shapes: Shapes
  /** Longest that a write may take. */
  readonly writeTimeoutMs: number
  /** Dead letters at which no more are stored, and the sink halts. */
  readonly maxDeadLetters: number
  /** Blocks sealed and not settled at once; 1 where the sink needs order. */
  readonly inFlight: number
  /** Tries what may be ending this process. Without one it is sent like all else. */
  readonly trial?: Trial | undefined
  readonly haltedRetryMs: number
  readonly link: BufferLink
  readonly log: Log
  readonly observer: DeliveryObserver
}

const tooManyRejected = 'Sink rejects more than a tenth of a block and is halted until this is mended.'

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
  readonly #letters: LetterLimit
  /** Records received and not settled. */
  #onTheirWay = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.reader.lost, this.#abort.signal])
    this.#letters = new LetterLimit({
      ...options,
      sink: options.name,
      shard: options.reader.shard,
      persist: (ask) => this.#persist(ask),
      halt: (error) => this.#haltOver(error, 'Sink is halted, because it has as many dead letters as it may.'),
    })
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
    using retries = new Retries({ ...this.#options, persist: (ask) => this.#persist(ask), signal: this.#signal })
    const retrying = retries.run(stop)
    retrying.catch((error) => this.#abort.abort(error))
    try {
      await this.#deliver(stop)
    } catch (error) {
      if (!stop.aborted || (this.#signal.aborted && this.#signal.reason !== graceEnded)) throw error
      await Promise.allSettled([...this.#settlements, retrying])
    } finally {
      stop.removeEventListener('abort', startGrace)
      this.#abort.abort(new Error('The session has ended.'))
      await Promise.allSettled([...this.#settlements, retrying])
      this.#options.observer.onReleased(this.#onTheirWay)
    }
  }

  async #deliver(stop: AbortSignal): Promise<never> {
    const { reader, cache, limits, shapes, name, observer } = this.#options
    const shape = shapes.current
    const cutter = new Cutter({
      shard: reader.shard,
      from: reader.cursor,
      read: (from, options) => this.#persist(() => reader.read(from, options)),
      decode: (frame) => cache.entries(reader.shard, frame),
      shape,
      limits,
    })
    for (const seal of reader.seals) {
      stop.throwIfAborted()
      await this.#dispatch(seal, await cutter.fill(seal, await this.#shapeOf(seal)), true)
    }
    const stopped = AbortSignal.any([stop, this.#signal])
    for (;;) {
      const draft = await cutter.next(stopped, observer.onTurn)
      const seal = await this.#persist(() =>
        reader.seal({ from: draft.from, to: draft.to, token: draft.token(name), shape: shape?.json ?? everything }),
      )
      await this.#dispatch(seal, draft, false)
    }
  }

  /** What the block was sealed under. Where this process cannot apply it, the sink is halted: the block may be sent in no other form. */
  async #shapeOf({ shape }: Seal): Promise<Shape | undefined> {
    for (;;) {
      try {
        return this.#options.shapes.sealed(shape)
      } catch (error) {
        await this.#haltOver(error, 'Sink is halted, because a block cannot be shaped as it was sealed.')
      }
    }
  }

  /** Sends a sealed block and queues its settlement behind those before it; resolves when there is room for one more on its way. */
  async #dispatch(seal: Seal, draft: Draft, repeated: boolean): Promise<void> {
    this.#options.observer.onReceived(draft.size)
    this.#onTheirWay += draft.size
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
    const { observer, link } = this.#options
    return persist(ask, {
      signal: this.#signal,
      onTrouble: (error) => {
        observer.onState('retrying', error.message)
        link.away(error)
      },
      onRecovered: () => {
        observer.onState('running')
        link.back()
      },
    })
  }

  #send(seal: Seal, draft: Draft, repeated: boolean): Sent {
    const { buffer, reader } = this.#options
    const { shard } = reader
    const toBlock = (again: boolean) =>
      new SealedBlock(seal, draft, { shard, incarnation: buffer.incarnation, repeated: repeated || again })
    const isSuspected = this.#options.trial !== undefined && seal.deaths >= suspectedAfterDeaths
    if (isSuspected && repeated) this.#tellOfDeaths(seal, draft)
    const attempted = isSuspected ? this.#try(toBlock, seal, draft) : this.#attempt(toBlock, draft)
    attempted.catch(() => {}) // awaited when its turn to settle comes
    return { seal, draft, attempted }
  }

  async #attempt(toBlock: (again: boolean) => Block, draft: Draft): Promise<Attempted> {
    if (draft.isFilteredOut()) return { block: toBlock(false), outcome: 'stored', written: undefined }
    const isEmpty = () => draft.kept === 0
    return await attempt(toBlock, { ...this.#options, isEmpty, signal: this.#signal })
  }

  #tellOfDeaths({ deaths }: Seal, { size: records }: Draft): void {
    const sentence = 'A block was on its way each time that the process ended; it is tried in a process of its own.'
    this.#options.log('warn', sentence, { deaths, records })
  }

  /** Tries a block that was sealed whenever the process ended; nothing of it is decoded here before that went well. */
  async #try(toBlock: (again: boolean) => Block, seal: Seal, draft: Draft): Promise<Attempted> {
    const { buffer, reader, trial } = this.#options
    if (!trial) return await this.#attempt(toBlock, draft)
    const content = { kind: 'sealed', seal, spans: draft.spans } as const
    const job = { shard: reader.shard, incarnation: buffer.incarnation, state: ownState(reader.state), content }
    const sink = { write: (_: Block, signal: AbortSignal) => trial.write(job, signal) }
    const options = { ...this.#options, sink, isEmpty: () => false, signal: this.#signal }
    let attempted = await attempt(toBlock, options)
    // A process may end by chance, too: a single record is found guilty twice, and what the backend may have already is not parted before it was sent again.
    if (attempted.outcome === 'died' && (trial.stores || draft.size === 1)) attempted = await attempt(toBlock, options)
    return attempted.outcome === 'stored' && !trial.stores ? await this.#attempt(toBlock, draft) : attempted
  }

  /** Settles a block that the backend has; otherwise isolates the records at fault by durable splits and delivers the others. */
  async #settleOrIsolate(first: Sent, family: Family): Promise<void> {
    for (let sent = first; ; sent = this.#send(sent.seal, sent.draft, true)) {
      const attempted = await sent.attempted
      if (attempted.outcome === 'stored') return await this.#settle(sent, attempted, [], '')
      if (attempted.outcome === 'died') {
        if (sent.draft.size > 1) return await this.#isolate(sent, sent.draft.size >> 1, family)
        if (mayReject(family, 1)) return await this.#bury(sent, attempted.death, family)
        await this.#haltOver(attempted.death, tooManyRejected)
        continue
      }
      const { rejection } = attempted
      const count = sent.draft.kept
      const atFault = count === 1 ? [0] : (rejection.indexes ?? [])
      if (mayReject(family, atFault.length)) {
        if (count > 1 && !rejection.othersStored)
          return await this.#isolate(sent, splitPoint(sent.draft, count, rejection), family)
        family.rejected += atFault.length
        return await this.#settle(sent, attempted, atFault, rejection.message)
      }
      await this.#haltOver(rejection, tooManyRejected)
    }
  }

  #haltOver(fault: unknown, sentence: string): Promise<void> {
    return halt(fault, sentence, { ...this.#options, signal: this.#signal })
  }

  /** Makes two blocks of one, before and from its `n`-th entry on, durably before either of them is sent. */
  async #isolate({ seal, draft }: Sent, n: number, family: Family): Promise<void> {
    const { name, reader } = this.#options
    const [left, right] = draft.splitAt(n)
    const tokens = [left.token(name), right.token(name)] as const
    const [first, second] = await this.#persist(() => reader.split(seal, right.from, tokens))
    await this.#settleOrIsolate(this.#send(first, left, false), family)
    await this.#settleOrIsolate(this.#send(second, right, false), family)
  }

  /** Dead-letters a record that ends processes, without decoding it here. */
  async #bury({ seal, draft }: Sent, { letter, message }: DeathError, family: Family): Promise<void> {
    const { reader, observer, log } = this.#options
    family.rejected++
    const deadLetters = [letter ?? { form: 'undecodable' as const, bytes: draft.onlyBytes(), reason: deadlyReason }]
    log('error', 'A record ended every process that tried to deliver it; it is a dead letter now.', { reason: message })
    await this.#letters.room(1)
    await this.#persist(() => reader.settle(seal, { delivered: 0, filtered: 0, deadLetters }))
    this.#onTheirWay -= draft.size
    observer.onSettled({ delivered: 0, filtered: 0, deadLettered: 1, bytes: draft.bytes })
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
    const { filtered } = draft
    const delivered = draft.size - deadLetters.length - filtered
    const sums = draft.minutes
    for (const record of refused) sums.remove(record)
    const minutes = sums.toList()
    const state = attempted.outcome === 'stored' ? attempted.written?.state : undefined
    const settlement = { delivered, filtered, deadLetters, minutes, ...(state ? { state } : {}) }
    await this.#letters.room(deadLetters.length)
    await this.#persist(() => reader.settle(seal, settlement))
    this.#onTheirWay -= draft.size
    sink.settled?.(attempted.block)
    observer.onSettled({ delivered, filtered, deadLettered: deadLetters.length, bytes: draft.bytes })
  }
}

function recordsAt(draft: Draft, indexes: readonly number[]): RequestRecord[] {
  if (indexes.length === 0) return []
  const records = [...draft.records()]
  return [...new Set(indexes)].flatMap((index) => records[index] ?? [])
}
