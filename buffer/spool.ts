import { setImmediate as turn } from 'node:timers/promises'
import { stampFrame } from '../record/frame.ts'
import { backoff } from '../runtime/backoff.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import { BufferFullError, BufferUnavailableError, GapError, type StampedFrame } from './buffer.ts'
import { type Mended, type ProducerBoot, skipTo } from './mend.ts'
import type { CutFrame } from './ring.ts'

export interface SpoolOptions {
  readonly log: Log
  /** Where frames go. */
  readonly into: Mended
  /** Whose frames they are. */
  readonly producer: ProducerBoot
  /** Called when every frame up to and including this one is durable. */
  readonly onAppended: (throughSeq: number) => void
  /** Ends the waiting for a log that takes nothing. */
  readonly signal: AbortSignal
}

/** 4 MiB: as many frames as wait go into one transaction, whose commit is what an append costs. */
const batchBytes = 4 * 1024 * 1024
/** 1 s: how late it is noticed that a full log has room again. */
const retryMaxMs = 1000

/** The appending end of the recorder: a frame keeps its seq and is offered until the log has it. */
export class Spool {
  readonly #options: SpoolOptions
  readonly #pending: CutFrame[] = []
  /** How many frames an append may have; halved while the log is too full for more. */
  #mostFrames = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  take(frames: readonly CutFrame[]): void {
    this.#pending.push(...frames)
    this.#running ??= this.#run()
  }

  /** Resolves when nothing is pending, or the signal has ended the waiting. Throws what no repeat would mend. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    for (let failures = 0; this.#pending.length > 0; ) {
      await turn() // what waits in the message port joins this batch
      const batch = this.#nextBatch()
      try {
        await this.#options.into.writer.append(batch)
      } catch (error) {
        if (await this.#isMended(error, batch)) continue
        await this.#pause(error, failures++)
        if (this.#options.signal.aborted) break
        continue
      }
      if (failures > 0) this.#options.log('info', 'The local buffer takes records again.', { failures })
      failures = 0
      this.#mostFrames *= 2
      this.#pending.splice(0, batch.length)
      this.#options.onAppended(batch.at(-1)!.seq) // never empty
    }
    this.#running = undefined
  }

  #nextBatch(): StampedFrame[] {
    const batch: StampedFrame[] = []
    let bytes = 0
    for (const frame of this.#pending) {
      bytes += frame.bytes.length
      if (batch.length > 0 && (bytes > batchBytes || batch.length >= this.#mostFrames)) break
      const stamped = { ...this.#options.producer, ...frame }
      stampFrame(frame.bytes, stamped)
      batch.push(stamped)
    }
    return batch
  }

  /** Whether the next append may succeed without waiting. */
  async #isMended(error: unknown, batch: readonly StampedFrame[]): Promise<boolean> {
    if (error instanceof BufferFullError && batch.length > 1) {
      this.#mostFrames = batch.length >> 1 // what is no room for all may be room for some
      return true
    }
    if (!(error instanceof GapError)) return false
    const records = await skipTo(batch[0]!, this.#options.into) // never empty
    this.#options.log('error', 'The local buffer lost frames it had; they are passed over.', { records, error })
    return true
  }

  async #pause(error: unknown, failures: number): Promise<void> {
    if (!(error instanceof BufferFullError || error instanceof BufferUnavailableError)) throw error
    const { log, signal } = this.#options
    if (failures === 0) log('error', 'The local buffer takes nothing; records wait in memory.', { error })
    await wait(backoff(failures, { maxMs: retryMaxMs }), signal).catch(() => {}) // aborted: the caller sees it
  }
}
