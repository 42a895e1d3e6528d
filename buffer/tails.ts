import type { StampedFrame } from './buffer.ts'
import type { ProducerBoot } from './mend.ts'

/** How far a boot's frames had come in the shared log when it was last appended to. */
export interface Tail extends ProducerBoot {
  readonly nextSeq: number
  /** Records that the boot had put into those frames. */
  readonly made: number
}

interface DatedTail extends Tail {
  readonly atMs: number
}

/**
 * The ends of the boots that were forwarded lately, kept with the cursor: what the shared log must still have, and what
 * the local one can give again as long as it keeps forwarded frames.
 */
export class Tails {
  readonly #tails = new Map<string, DatedTail>()
  readonly #changed = new Map<string, Uint8Array>()
  readonly #keepMs: number

  constructor(state: ReadonlyMap<string, Uint8Array>, keepMs: number) {
    this.#keepMs = keepMs
    for (const [key, bytes] of state) this.#tails.set(key, JSON.parse(Buffer.from(bytes).toString()))
  }

  /** The shared log has all up to and including this frame. */
  note({ producer, boot, seq, made }: Pick<StampedFrame, 'producer' | 'boot' | 'seq' | 'made'>): void {
    const key = `${producer}/${boot}`
    const tail = { producer, boot, nextSeq: seq + 1, made, atMs: Date.now() }
    this.#tails.set(key, tail)
    this.#changed.set(key, Buffer.from(JSON.stringify(tail)))
  }

  /** Those whose frames are still kept, oldest first. */
  recent(): readonly Tail[] {
    this.#forget()
    return [...this.#tails.values()]
  }

  /** What a settle has to put. */
  changes(): ReadonlyMap<string, Uint8Array> {
    this.#forget()
    return this.#changed
  }

  /** What `changes` gave last is durable. */
  saved(): void {
    this.#changed.clear()
  }

  #forget(): void {
    const before = Date.now() - this.#keepMs
    for (const [key, { atMs }] of this.#tails) {
      if (atMs >= before) continue
      this.#tails.delete(key)
      this.#changed.set(key, new Uint8Array()) // empty: deletes
    }
  }
}
