import { backoff } from '../runtime/backoff.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import {
  type Buffer,
  BufferFullError,
  BufferUnavailableError,
  FencedError,
  LogResetError,
  type Reader,
} from './buffer.ts'
import { ForwardSession, type ForwardTally, type LocalLog } from './forward-session.ts'
import { Tails } from './tails.ts'

export interface ForwarderOptions {
  /** The spool. The forwarder trims it; it is the only one who reads it. */
  readonly local: LocalLog
  /** How long the spool keeps frames that were forwarded. */
  readonly keepMs: number
  /** Opens the shared log; asked again whenever it could not be reached. */
  readonly openRemote: () => Promise<Buffer>
  /** Names the process in the lease. */
  readonly owner: string
  /** 5 s: how late a loss in the shared log is found where nothing new comes. */
  readonly mendEveryMs?: number
  readonly log: Log
}

/** Drains a local log into a shared one, in order and each frame once, for as long as it takes. */
export interface Forwarder extends AsyncDisposable {
  readonly tally: Readonly<ForwardTally>
  /** There is something new. Without it, it is found a poll later. */
  wake(): void
  /**
   * Forwards what is there and ends; gives up at once where the shared log cannot be reached, or at the signal: what is left stays
   * in the spool. The lease of a process that was killed is waited for.
   */
  finish(signal: AbortSignal): Promise<void>
}

/** Name of the reader that holds the place up to which the spool was forwarded. */
export const forwardReader = 'forward'

const pollMs = 250
/** 250 ms: repeating a quarter of a second after a crash costs less than a commit for each append. */
const settleMs = 250
const trimMs = 1000
/** 5 s: how late it is noticed that the shared log is back. */
const retryMaxMs = 5000
/** 500 ms: another process of this data folder holds the lease; it lasts seconds after a kill. */
const leaseMs = 500

/** Starts to forward; goes on until it is disposed or told to finish. */
export function openForwarder(options: ForwarderOptions): Forwarder {
  return new LoopForwarder(options)
}

class LoopForwarder implements Forwarder {
  readonly tally: ForwardTally = { forwarded: 0, skipped: 0 }
  readonly #options: ForwarderOptions
  readonly #stop = new AbortController()
  readonly #finish = new AbortController()
  readonly #done: Promise<void>
  #failures = 0
  #woken = false
  #rouse = () => {}

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#done = this.#run()
  }

  wake(): void {
    this.#woken = true
    this.#rouse()
  }

  async finish(signal: AbortSignal): Promise<void> {
    this.#finish.abort()
    this.wake()
    const stop = () => this.#end()
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    await this.#done
    signal.removeEventListener('abort', stop)
  }

  #end(): void {
    this.#stop.abort()
    this.#finish.abort()
    this.wake()
  }

  async #run(): Promise<void> {
    for (;;) {
      const isLast = this.#finish.signal.aborted
      try {
        await this.#forward(this.#stop.signal)
        return
      } catch (error) {
        if (isLast || this.#stop.signal.aborted) return
        if (this.#failures === 0) this.#say(error)
        await this.#wait(backoff(this.#failures++, { maxMs: retryMaxMs }))
      }
    }
  }

  /** Waits, or until it is told to finish. */
  async #wait(ms: number): Promise<void> {
    await wait(ms, this.#finish.signal).catch(() => {})
  }

  async #forward(signal: AbortSignal): Promise<void> {
    const { local, keepMs, openRemote, mendEveryMs = 5000, log } = this.#options
    await using reader = await this.#takeReader()
    await using remote = await openRemote()
    await using writer = await remote.writer()
    const tails = new Tails(reader.state, keepMs)
    const session = new ForwardSession({ local, remote, writer, reader, tails, tally: this.tally, log })
    await session.begin()
    const settleDue = every(settleMs)
    const trimDue = every(trimMs)
    const mendDue = every(mendEveryMs)
    for (;;) {
      signal.throwIfAborted()
      reader.lost.throwIfAborted()
      const moved = await session.step()
      if (this.#failures > 0) log('info', 'The shared buffer takes records again.', { failures: this.#failures })
      this.#failures = 0
      const last = !moved && this.#finish.signal.aborted
      if (last || settleDue()) await session.settle()
      if (last) return
      if (trimDue()) await local.trim()
      if (mendDue()) await session.mendTails()
      if (!moved) await this.#sleep()
    }
  }

  async #takeReader(): Promise<Reader> {
    const { local, owner } = this.#options
    const shard = local.shards[0]! // a local log has one
    for (;;) {
      const reader = await local.reader({ sink: forwardReader, shard, owner, startAt: 'oldest' })
      if (reader) return reader
      await wait(leaseMs, this.#stop.signal)
    }
  }

  async #sleep(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs)
        this.#rouse = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#woken = false
  }

  #say(error: unknown): void {
    const { log } = this.#options
    if (error instanceof BufferUnavailableError)
      log('warn', 'The shared buffer cannot be reached; records wait in the local one.', { error })
    else if (error instanceof BufferFullError)
      log('error', 'The shared buffer is full; records wait in the local one.', { error })
    else if (error instanceof FencedError) log('info', 'Another process of this data folder forwards now.', { error })
    else if (error instanceof LogResetError)
      log('error', 'The shared buffer was reset; what the local one keeps is appended again.', { error })
    else log('error', 'Forwarding failed; it begins again from what was settled.', { error })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
    await this.#done
  }
}

/** Whether so much time has passed since it last said so. */
function every(ms: number): () => boolean {
  let last = performance.now()
  return () => {
    if (performance.now() - last < ms) return false
    last = performance.now()
    return true
  }
}
