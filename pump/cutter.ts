import { comparePositions, type Frame, type Position, type Seal } from '../buffer/buffer.ts'
import { wait } from '../runtime/wait.ts'
import type { BlockLimits } from '../sinks/sink.ts'
import { Draft } from './draft.ts'
import type { Entry } from './frame-cache.ts'
import type { Shape } from './shape/shape.ts'

/** 1 MiB: a read that keeps Redis and SQLite busy for a few milliseconds only. Less where a block holds less: what is read ahead is held too. */
const readBytes = 1024 * 1024
/** 50 ms: as long as a producer gathers a frame, so looking more often finds nothing more. */
const pollMs = 50

export interface CutterOptions {
  readonly shard: string
  readonly from: Position
  /** Frames from a position on, as a reader gives them; asks again by itself while the buffer cannot be reached. */
  readonly read: (from: Position, options: { maxBytes: number }) => Promise<readonly Frame[]>
  readonly decode: (frame: Frame) => readonly Entry[]
  /** What new blocks are sealed under. */
  readonly shape: Shape | undefined
  readonly limits: BlockLimits
  readonly now?: () => number
}

/** Cuts what a reader reads into drafts of blocks. */
export class Cutter {
  readonly #options: CutterOptions
  readonly #now: () => number
  #next: Position
  #ahead: Frame[] = []

  constructor(options: CutterOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#next = options.from
  }

  /** The contents of a block that an earlier owner sealed, under the shape of then. */
  async fill({ from, to }: Pick<Seal, 'from' | 'to'>, shape: Shape | undefined): Promise<Draft> {
    const draft = new Draft(from, this.#options.decode, shape)
    this.#next = from
    this.#ahead = []
    while (comparePositions(draft.to, to) < 0) {
      const frame = await this.#peek()
      if (!frame) throw new Error('The log no longer holds what was sealed: it was cut behind the pump’s back.')
      this.#take(draft, frame, to.offset === frame.offset ? to.index : frame.count)
    }
    return draft
  }

  /**
   * The next block: cut when it holds as many records or bytes as the sink wants, or when its first record has waited long enough.
   * Resolves only with at least one record; throws the signal's reason.
   */
  async next(signal: AbortSignal, onTurn: () => void): Promise<Draft> {
    const draft = new Draft(this.#next, this.#options.decode, this.#options.shape)
    let deadline = Number.POSITIVE_INFINITY
    while (!this.#isFull(draft)) {
      signal.throwIfAborted()
      onTurn()
      const frame = await this.#peek()
      if (frame) {
        if (draft.size > 0 && draft.bytes + frame.bytes.length > this.#options.limits.maxBytes) break
        const room = this.#options.limits.maxRecords - draft.size
        this.#take(draft, frame, Math.min(frame.count, this.#indexIn(frame) + room))
        if (deadline === Number.POSITIVE_INFINITY) deadline = this.#now() + this.#options.limits.maxAgeMs
        continue
      }
      if (this.#now() >= deadline) break
      await wait(Math.min(pollMs, deadline - this.#now()), signal)
    }
    return draft
  }

  #isFull(draft: Draft): boolean {
    return draft.size >= this.#options.limits.maxRecords || draft.bytes >= this.#options.limits.maxBytes
  }

  async #peek(): Promise<Frame | undefined> {
    if (this.#ahead.length === 0) {
      const maxBytes = Math.min(readBytes, this.#options.limits.maxBytes)
      this.#ahead = [...(await this.#options.read(this.#next, { maxBytes }))]
    }
    return this.#ahead[0]
  }

  #indexIn(frame: Frame): number {
    return frame.offset === this.#next.offset ? this.#next.index : 0
  }

  #take(draft: Draft, frame: Frame, end: number): void {
    draft.add(frame, this.#indexIn(frame), end)
    this.#next = end === frame.count ? draft.to : { offset: frame.offset, index: end }
    if (end === frame.count) this.#ahead.shift()
  }
}
