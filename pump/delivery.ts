import {
  type Buffer,
  BufferUnavailableError,
  comparePositions,
  endOf,
  FencedError,
  LogResetError,
  type Position,
  type Reader,
  type StartAt,
} from '../buffer/buffer.ts'
import { backoff } from '../runtime/backoff.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import type { BlockLimits, Sink } from '../sinks/sink.ts'
import type { BufferLink } from './buffer-watch.ts'
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
  readonly graceMs: number
  readonly haltedRetryMs: number
  readonly link: BufferLink
  readonly log: Log
  readonly observer: DeliveryObserver
}

/** 1 s: how often a standby asks whether the lease is free; a dead owner's lease ends within 4 s. */
const standbyMs = 1000
/** 1 MiB: what is given up may be a large part of the log, and is counted a slice at a time. */
const evictReadBytes = 1024 * 1024

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
    const { buffer, pumpSink, shard, owner, link, observer } = this.#options
    observer.onTurn()
    await using reader = await buffer.reader({ sink: pumpSink.name, shard, owner, startAt: pumpSink.startAt })
    link.back()
    if (!reader) {
      observer.onState('standby')
      await wait(standbyMs, stop)
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

  /** Evicts whole frames, and to the end of every seal that it touches, so that no sealed block is halved. */
  async #giveUpOldest(reader: Reader, evictBytes: number): Promise<void> {
    let to: Position = reader.cursor
    let records = 0
    let bytes = 0
    const throughSeals = reader.seals.at(-1)?.to ?? reader.cursor
    while (bytes < evictBytes || comparePositions(to, throughSeals) < 0) {
      const frames = await reader.read(to, { maxBytes: evictReadBytes })
      if (frames.length === 0) break
      for (const frame of frames) {
        if (bytes >= evictBytes && comparePositions(to, throughSeals) >= 0) break
        records += frame.count - (frame.offset === to.offset ? to.index : 0)
        bytes += frame.bytes.length
        to = endOf(frame)
      }
    }
    if (records === 0) return
    await reader.evict(to, records)
    const { log, pumpSink, shard, observer } = this.#options
    observer.onEvicted(records)
    log('error', 'Oldest records were given up for this sink, because it held a nearly full buffer.', {
      sink: pumpSink.name,
      shard,
      records,
      bytes,
    })
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
