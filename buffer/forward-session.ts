import { FrameError, FrameVersionError, readHead } from '../record/frame.ts'
import type { Log } from '../runtime/log.ts'
import {
  type Buffer,
  comparePositions,
  type DeadLetter,
  endOf,
  type Frame,
  GapError,
  type Position,
  type Reader,
  type StampedFrame,
  type Writer,
} from './buffer.ts'
import { type FrameSource, forwardBytes, mend, type ProducerBoot } from './mend.ts'
import type { Tails } from './tails.ts'

/** A log whose frames can be had again by their producer's boot: what it means to be a spool. */
export type LocalLog = Buffer & FrameSource

export interface ForwardTally {
  /** Records moved into the shared log. */
  forwarded: number
  /** Records passed over there, because they are gone here. */
  skipped: number
}

export interface SessionOptions {
  readonly local: LocalLog
  readonly remote: Buffer
  readonly writer: Writer
  readonly reader: Reader
  readonly tails: Tails
  readonly tally: ForwardTally
  readonly log: Log
}

/** Moves frames from one log into another, in order, as long as both can be reached. Whatever it throws, another session goes on from what was settled. */
export class ForwardSession {
  readonly #options: SessionOptions
  #settled: Position
  #position: Position
  #forwarded = 0
  #torn: DeadLetter[] = []

  constructor(options: SessionOptions) {
    this.#options = options
    this.#settled = options.reader.cursor
    this.#position = this.#settled
  }

  /** What must be done before anything new: the last session's unfinished settles, and what the shared log has lost since. */
  async begin(): Promise<void> {
    const { reader } = this.#options
    for (const seal of reader.seals) {
      while (comparePositions(this.#position, seal.to) < 0 && (await this.step(seal.to)));
      await this.#settleAs(seal)
    }
    await this.mendTails()
  }

  /** Moves the next frames, up to `limit`; false where there is none. */
  async step(limit?: Position): Promise<boolean> {
    const { reader } = this.#options
    const read = await reader.read(this.#position, { maxBytes: forwardBytes })
    const frames = limit ? read.filter((frame) => frame.offset < limit.offset) : read
    const last = frames.at(-1)
    if (!last) return false
    for (const run of toRuns(frames)) {
      if (Array.isArray(run)) await this.#append(run)
      else await this.#passTorn(run)
    }
    this.#position = endOf(last)
    return true
  }

  /** Makes durable here how far the shared log has come: what is settled may be trimmed once it is old enough. */
  async settle(): Promise<void> {
    if (comparePositions(this.#settled, this.#position) === 0) return
    const boundary = { from: this.#settled, to: this.#position }
    const token = `forward-${this.#settled.offset}` // the shared log recognises frames by their seq: nothing reads it
    await this.#settleAs(await this.#options.reader.seal({ ...boundary, token, shape: '{}' }))
  }

  async #settleAs(seal: Parameters<Reader['settle']>[0]): Promise<void> {
    const { reader, tails, tally } = this.#options
    const delivered = this.#forwarded
    await reader.settle(seal, { delivered, filtered: 0, deadLetters: this.#torn, state: tails.changes() })
    tails.saved()
    tally.forwarded += delivered
    this.#forwarded = 0
    this.#torn = []
    this.#settled = seal.to
  }

  /** Appends again what the shared log once had and has lost, as far as it is still here. */
  async mendTails(): Promise<void> {
    const { writer, tails } = this.#options
    for (const { producer, boot, nextSeq, made } of tails.recent()) {
      if ((await writer.next(producer, boot)) < nextSeq) await this.#mend({ producer, boot }, nextSeq, made)
    }
  }

  async #append(run: readonly StampedFrame[]): Promise<void> {
    const last = run.at(-1)!
    try {
      await this.#options.writer.append(run)
    } catch (error) {
      if (!(error instanceof GapError)) throw error
      await this.#mend(last, last.seq + 1)
    }
    for (const { count } of run) this.#forwarded += count
    this.#options.tails.note(last)
  }

  async #mend(boot: ProducerBoot, untilSeq: number, made?: number): Promise<void> {
    const { local, remote, writer, tally, log } = this.#options
    const skipped = await mend(local, { buffer: remote, writer }, boot, untilSeq, made)
    tally.skipped += skipped
    const facts = { producer: boot.producer, boot: boot.boot, untilSeq, skipped }
    if (skipped === 0) log('warn', 'The shared buffer lacked frames; they were appended again.', facts)
    else log('error', 'The shared buffer lacked frames that are gone here too; they were passed over.', facts)
  }

  /** Nobody can read which frame it is. All before it is in the shared log, so it is the next one of some boot. */
  async #passTorn(frame: Frame): Promise<void> {
    const { local, writer } = this.#options
    for (const { producers } of await local.inspect())
      for (const boot of producers) await this.#mend(boot, (await writer.next(boot.producer, boot.boot)) + 1)
    for (let i = 0; i < frame.count; i++) {
      const bytes = i === 0 ? frame.bytes : new Uint8Array()
      this.#torn.push({ form: 'undecodable', bytes, reason: 'the frame is torn' })
    }
  }
}

/** Consecutive frames of one boot, as one append takes them; a torn frame stands by itself. */
function toRuns(frames: readonly Frame[]): (Frame | StampedFrame[])[] {
  const runs: (Frame | StampedFrame[])[] = []
  for (const frame of frames) {
    const stamped = toStamped(frame)
    const run = runs.at(-1)
    const before = Array.isArray(run) ? run.at(-1) : undefined
    if (!stamped) runs.push(frame)
    else if (before && follows(stamped, before))
      (run as StampedFrame[]).push(stamped) // `before` is its last
    else runs.push([stamped])
  }
  return runs
}

function follows(frame: StampedFrame, before: StampedFrame): boolean {
  return frame.producer === before.producer && frame.boot === before.boot && frame.seq === before.seq + 1
}

function toStamped({ bytes, count }: Frame): StampedFrame | undefined {
  try {
    const head = readHead(bytes)
    return head.count === count ? { ...head, bytes } : undefined
  } catch (error) {
    if (error instanceof FrameError && !(error instanceof FrameVersionError)) return undefined
    throw error
  }
}
