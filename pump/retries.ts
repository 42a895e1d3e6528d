import type { Buffer, Reader, RetryBatch } from '../buffer/buffer.ts'
import { MinuteSums } from '../record/minute-sum.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import type { Block, Sink } from '../sinks/sink.ts'
import { type Attempted, attempt } from './attempt.ts'
import type { DeliveryObserver, SinkState } from './observer.ts'
import { RetryBlock, retryToken } from './retry-block.ts'
import { retriesOf, retriesState, toRetriesState } from './retry-state.ts'
import { deadlyReason, type Trial } from './trial.ts'

export interface RetriesOptions {
  readonly name: string
  readonly sink: Sink
  readonly buffer: Pick<Buffer, 'incarnation' | 'retryDeadLetters'>
  readonly reader: Reader
  readonly trial?: Trial | undefined
  readonly writeTimeoutMs: number
  readonly haltedRetryMs: number
  /** Asks the log again while it cannot be reached. */
  readonly persist: <T>(ask: () => Promise<T>) => Promise<T>
  /** Ends what is on its way. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly observer: DeliveryObserver
}

/** 1 s: a person who asked for a retry waits for it. */
const lookEveryMs = 1000

/**
 * Delivers the dead letters of one sink × shard again that somebody asked for, batch by batch, while the shard's own
 * blocks go on. What was refused once may do worse the second time: a batch is tried first, where there is a trial.
 */
export class Retries implements Disposable {
  readonly #options: RetriesOptions
  readonly #shard: string
  /** As the sink saved it; settled state is added as it is settled. */
  readonly #state: Map<string, Uint8Array>
  #isAcquired = false

  constructor(options: RetriesOptions) {
    this.#options = options
    this.#shard = retriesOf(options.reader.shard)
    this.#state = new Map(retriesState(options.reader.state))
    if (this.#state.size > 0) this.#acquire() // it may have something to show
  }

  /** Looks and delivers until `stop` is aborted; then the batch on its way ends first. Throws as a session does. */
  async run(stop: AbortSignal): Promise<void> {
    const { reader, persist, signal } = this.#options
    const stopped = AbortSignal.any([stop, signal])
    while (!stopped.aborted) {
      const [batch] = await persist(() => reader.retries({ limit: 1 }))
      if (batch) await this.#deliver(batch)
      else await wait(lookEveryMs, stopped).catch(() => {}) // seen next
    }
  }

  [Symbol.dispose](): void {
    if (this.#isAcquired) this.#options.sink.released?.(this.#shard)
  }

  async #deliver(batch: RetryBatch): Promise<void> {
    const { name, buffer, observer } = this.#options
    const token = retryToken(name, batch)
    const block = new RetryBlock(batch, { shard: this.#shard, incarnation: buffer.incarnation, token })
    observer.onReceived(batch.letters.length)
    try {
      await this.#sendAndSettle(batch, block)
    } catch (error) {
      observer.onReleased(batch.letters.length)
      throw error
    }
  }

  async #sendAndSettle(batch: RetryBatch, block: RetryBlock): Promise<void> {
    const attempted = await this.#send(batch, block)
    if (attempted.outcome === 'stored') return await this.#settle(batch, block, attempted, new Map())
    if (attempted.outcome === 'died') {
      if (block.letters.length > 1) return await this.#part(batch, block)
      return await this.#settle(batch, block, attempted, toReasons(block, [0], deadlyReason))
    }
    const { rejection } = attempted
    const atFault = block.letters.length === 1 ? [0] : (rejection.indexes ?? [])
    if (atFault.length === 0) return await this.#part(batch, block)
    const rejected = toReasons(block, atFault, rejection.message)
    if (block.letters.length === 1 || rejection.othersStored)
      return await this.#settle(batch, block, attempted, rejected)
    await this.#without(batch, block, rejected)
  }

  async #send(batch: RetryBatch, block: RetryBlock): Promise<Attempted> {
    const { trial } = this.#options
    if (block.records.length === 0) return { block, outcome: 'stored', written: undefined }
    this.#acquire()
    if (!trial) return await this.#attempt(block, this.#options.sink)
    const content = { kind: 'retried', batch, token: block.token } as const
    const job = { shard: this.#shard, incarnation: block.incarnation, state: this.#state, content }
    const sink = { write: (_: Block, signal: AbortSignal) => trial.write(job, signal) }
    let attempted = await this.#attempt(block, sink)
    // The first may have been chance; and what the backend may have already is not parted before it was sent again.
    if (attempted.outcome === 'died' && (trial.stores || block.records.length === 1))
      attempted = await this.#attempt(block, sink)
    return attempted.outcome === 'stored' && !trial.stores ? await this.#attempt(block, this.#options.sink) : attempted
  }

  /** What the sink is doing is told by the shard's own blocks; of a retry only that it goes badly. */
  #attempt(block: Block, sink: Pick<Sink, 'write'>): Promise<Attempted> {
    const { observer } = this.#options
    let shown: SinkState = 'running'
    const onState = (state: SinkState, reason?: string) => {
      if (state !== shown) observer.onState(state, reason)
      shown = state
    }
    const options = { ...this.#options, sink, isEmpty: () => false, observer: { ...observer, onState } }
    return attempt(() => block, options)
  }

  async #settle(
    batch: RetryBatch,
    block: RetryBlock,
    attempted: Attempted,
    refused: ReadonlyMap<number, string>,
  ): Promise<void> {
    const { reader, sink, persist, observer, log } = this.#options
    const rejected = new Map([...block.unreadable, ...refused])
    const sums = new MinuteSums()
    for (const [i, record] of block.records.entries()) if (!rejected.has(block.letters[i]?.id ?? -1)) sums.add(record)
    const state = attempted.outcome === 'stored' ? attempted.written?.state : undefined
    const settlement = { rejected, minutes: sums.toList(), ...(state ? { state: toRetriesState(state) } : {}) }
    await persist(() => reader.settleRetry(batch, settlement))
    for (const [key, value] of state ?? []) this.#state.set(key, value)
    if (attempted.outcome === 'stored') sink.settled?.(block)
    const delivered = batch.letters.length - rejected.size
    observer.onSettled({ delivered, filtered: 0, deadLettered: rejected.size, bytes: toBytes(batch, rejected) })
    log('info', 'Dead letters were delivered again.', { delivered, rejectedAgain: rejected.size })
  }

  /** Of the letters, nobody knows which are at fault: two smaller batches take the place of the batch, durably before either is sent. */
  async #part(batch: RetryBatch, block: RetryBlock): Promise<void> {
    const ids = block.letters.map(({ id }) => id)
    const middle = ids.length >> 1
    await this.#again(batch, block, new Map(), [ids.slice(0, middle), ids.slice(middle)])
  }

  /** None is stored, and those at fault are known: the others are a batch of their own, durably before it is sent. */
  async #without(batch: RetryBatch, block: RetryBlock, rejected: ReadonlyMap<number, string>): Promise<void> {
    const others = block.letters.map(({ id }) => id).filter((id) => !rejected.has(id))
    await this.#again(batch, block, rejected, [others])
  }

  /** Ends the batch with nothing delivered, and asks for other batches of its letters. A crash in between forgets the asking, never a letter. */
  async #again(
    batch: RetryBatch,
    block: RetryBlock,
    refused: ReadonlyMap<number, string>,
    groups: readonly (readonly number[])[],
  ): Promise<void> {
    const { name, buffer, reader, persist, observer } = this.#options
    const asBefore = batch.letters.map(({ id, reason }) => [id, reason] as const)
    await persist(() =>
      reader.settleRetry(batch, { rejected: new Map([...asBefore, ...block.unreadable, ...refused]) }),
    )
    observer.onSettled({ delivered: 0, filtered: 0, deadLettered: batch.letters.length, bytes: 0 })
    for (const ids of groups) await persist(() => buffer.retryDeadLetters(name, ids))
  }

  #acquire(): void {
    if (this.#isAcquired) return
    this.#isAcquired = true
    this.#options.sink.acquired?.(this.#shard, this.#state)
  }
}

function toReasons(block: RetryBlock, indexes: readonly number[], reason: string): ReadonlyMap<number, string> {
  return new Map(indexes.flatMap((index) => (block.letters[index] ? [[block.letters[index].id, reason]] : [])))
}

function toBytes({ letters }: RetryBatch, rejected: ReadonlyMap<number, string>): number {
  return letters.reduce((sum, { id, bytes }) => (rejected.has(id) ? sum : sum + bytes.length), 0)
}
