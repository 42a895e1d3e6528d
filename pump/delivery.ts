import {
  type Buffer,
  BufferUnavailableError,
  FencedError,
  LogResetError,
  type Reader,
  type StartAt,
} from '../buffer/buffer.ts'
import { backoff } from '../runtime/backoff.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import type { BlockLimits, Sink } from '../sinks/sink.ts'
import type { BufferLink } from './buffer-watch.ts'
import { evictedSentence, evictOldest } from './evict.ts'
import type { FrameCache } from './frame-cache.ts'
import type { DeliveryObserver } from './observer.ts'
import { ownState } from './retry-state.ts'
import { Session } from './session.ts'
import type { Shapes } from './shape/shape.ts'
import type { Trial } from './trial.ts'

/** A sink as the pump runs it. */
export interface PumpSink {
  /** Name in the config; also its name in the log. */
  readonly name: string
  readonly sink: Sink
  readonly limits: BlockLimits
  /** Which records it gets, and what of them. */
  readonly shapes: Shapes
  /** Longest that a write may take; then it is aborted, and the block sent again. */
  readonly writeTimeoutMs: number
  readonly inFlight: number
  /** Where it begins when the log has never seen it. */
  readonly startAt: StartAt
  /** Whether its oldest records are given up where its backlog nearly fills the buffer, or never. */
  readonly hold: 'evict' | 'forever'
  /** Dead letters on a shard at which it halts. */
  readonly maxDeadLetters: number
  /** Tries what may be ending the process; without one it is sent like all else. */
  readonly trial?: Trial | undefined
}

export interface DeliveryOptions {
  readonly pumpSink: PumpSink
  readonly buffer: Buffer
  readonly shard: string
  /** Names this process in leases. */
  readonly owner: string
  readonly cache: FrameCache
  /** Whether this process is to deliver here, as pumps share the log out among them. */
  readonly isOurs: () => boolean
  readonly graceMs: number
  readonly haltedRetryMs: number
  readonly link: BufferLink
  readonly log: Log
  readonly observer: DeliveryObserver
}

/** 1 s: how often a standby asks whether the lease is free; a dead owner's lease ends within 4 s. */
const standbyMs = 1000
/** 250 ms: what was shared out to us is let go of any moment, and stands still meanwhile. */
const comingMs = 250

/** What is asked of a delivery that owns a nearly full buffer's largest backlog. */
interface Eviction {
  readonly bytes: number
  readonly end: () => void
}

/** One sink × shard for as long as the pump runs: takes it, delivers, and takes it anew whenever it was lost. */
export class Delivery {
  readonly #options: DeliveryOptions
  #eviction: Eviction | undefined
  /** Ends the session that runs; undefined while none does. */
  #pause: AbortController | undefined

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  get sink(): string {
    return this.#options.pumpSink.name
  }

  get shard(): string {
    return this.#options.shard
  }

  /**
   * Gives up the oldest records of about `bytes` for this sink alone: the buffer is nearly full because of it. Resolves once
   * that is done, or could not be. Does nothing while another pump owns the sink × shard: it will see the same.
   */
  async evict(bytes: number): Promise<void> {
    if (!this.#pause) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#eviction = { bytes, end: resolve }
    this.#pause.abort(new Error('The oldest records are given up, because the buffer is nearly full.'))
    await promise
  }

  /** Settles what is on its way and lets go, where this process is not to deliver here any more. */
  yieldUnlessOurs(): void {
    if (!this.#options.isOurs()) this.#pause?.abort(new Error('Another pump is to deliver here.'))
  }

  /** Runs until `stop` is aborted. Throws LogResetError when the log was reset: nobody may go on by itself. */
  async run(stop: AbortSignal): Promise<void> {
    for (let failures = 0; !stop.aborted; ) {
      const eviction = this.#eviction
      this.#eviction = undefined
      try {
        await this.#own(stop, eviction?.bytes ?? 0).finally(() => eviction?.end())
        failures = 0
      } catch (error) {
        if (error instanceof LogResetError) throw error
        if (stop.aborted) return
        this.#report(error)
        await wait(error instanceof FencedError ? standbyMs : backoff(failures++), stop).catch(() => {})
      }
    }
  }

  async #own(stop: AbortSignal, evictBytes: number): Promise<void> {
    const { buffer, pumpSink, shard, owner, isOurs, link, observer } = this.#options
    const isShared = buffer.attend !== undefined
    observer.onTurn()
    if (!isOurs()) {
      observer.onState('standby')
      await wait(comingMs, stop)
      return
    }
    await using reader = await buffer.reader({ sink: pumpSink.name, shard, owner, startAt: pumpSink.startAt })
    link.back()
    if (!reader) {
      observer.onState('standby')
      await wait(isShared ? comingMs : standbyMs, stop)
      return
    }
    if (evictBytes > 0) return await this.#giveUpOldest(reader, evictBytes)
    observer.onState('running')
    pumpSink.sink.acquired?.(shard, ownState(reader.state))
    this.#pause = new AbortController()
    try {
      const session = new Session({ ...this.#options, ...pumpSink, reader })
      await session.run(AbortSignal.any([stop, this.#pause.signal]), this.#options)
    } finally {
      this.#pause = undefined
      pumpSink.sink.released?.(shard)
    }
  }

  async #giveUpOldest(reader: Reader, wantedBytes: number): Promise<void> {
    const evicted = await evictOldest(reader, wantedBytes)
    if (evicted.records === 0) return
    const { log, pumpSink, shard, observer } = this.#options
    observer.onEvicted(evicted.records)
    log('error', evictedSentence, { sink: pumpSink.name, shard, ...evicted })
  }

  #report(error: unknown): void {
    const { log, pumpSink, shard, link, observer } = this.#options
    // A lease that could not be renewed says the same.
    const unavailable = error instanceof FencedError ? error.cause : error
    if (unavailable instanceof BufferUnavailableError) {
      observer.onState('retrying', unavailable.message)
      link.away(unavailable)
    } else if (error instanceof FencedError) {
      observer.onState('standby')
      log('info', 'Another pump has taken this sink and shard.', { sink: pumpSink.name, shard })
    } else {
      observer.onState('retrying', String(error))
      log('error', 'Delivery failed in an unknown way; it starts again from what is settled.', {
        sink: pumpSink.name,
        shard,
        error,
      })
    }
  }
}
