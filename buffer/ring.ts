import type { RequestRecord } from '../record/fields.ts'
import { frameCutBytes, frameCutRecords, layFrame } from '../record/frame.ts'
import { Texts } from '../record/texts.ts'
import { packToFit } from './pack.ts'

/** A frame on its way into the log: laid out, not yet stamped with its producer. */
export interface CutFrame {
  readonly seq: number
  /** Records cut into frames up to and including this one. */
  readonly made: number
  readonly count: number
  readonly bytes: Uint8Array
}

export interface RingOptions {
  readonly maxBytes: number
  /** What may be handed over and not yet acknowledged: the taker holds a copy of so much. */
  readonly windowBytes: number
}

/** What a frame weighs before its first record, and what each record adds beside itself. */
const emptyFrameBytes = layFrame([], new Texts()).length
const lengthBytes = 4

/*
  Packed records wait in memory until their frame is durable:

    push ─► open frame ─ cut ─► waiting ─ handOver ─► handed over ─ acknowledge ─► gone
            └──────────────────────── bytes ≤ maxBytes ──────────────────────┘
                                        ▲                  │
                                        └──── rewind ──────┘   the taker died: the same frames again

  What was once taken is in a frame with a seq, and only ever leaves by an acknowledgement: so there is no gap to explain.
*/
export class Ring {
  readonly #maxBytes: number
  readonly #windowBytes: number
  #open: Uint8Array[] = []
  #texts = new Texts()
  /** What the open frame will have at most. */
  #openBytes = 0
  #bytes = 0
  #made = 0
  #gone = 0
  #nextSeq = 0
  #nextHandOver = 0
  #handedOverBytes = 0
  /** By seq, which is also the order in which they were put. */
  readonly #waiting = new Map<number, CutFrame>()

  constructor({ maxBytes, windowBytes }: RingOptions) {
    this.#maxBytes = maxBytes
    this.#windowBytes = windowBytes
  }

  /** Bytes held, as they will stand in their frames. */
  get bytes(): number {
    return this.#bytes
  }

  /** Records held. */
  get records(): number {
    return this.#made + this.#open.length - this.#gone
  }

  get openRecords(): number {
    return this.#open.length
  }

  /** Takes a record, and cuts the frame where it is full; or says why it is not taken. Throws where the record cannot be packed. */
  push(record: RequestRecord): 'taken' | 'too_large' | 'ring_full' {
    let { size, bytes } = this.#texts
    let packed = packToFit(record, this.#texts)
    if (packed && this.#open.length > 0 && this.#openBytes + this.#cost(packed, bytes) > frameCutBytes) {
      this.#texts.shrink(size)
      this.cut()
      ;({ size, bytes } = this.#texts)
      packed = packToFit(record, this.#texts) // the next frame does not have the texts that this one shares
    }
    if (!packed) return 'too_large'
    const cost = this.#cost(packed, bytes)
    if (this.#bytes + cost > this.#maxBytes) {
      this.#texts.shrink(size)
      return 'ring_full'
    }
    this.#bytes += cost
    this.#openBytes += cost
    this.#open.push(packed)
    if (this.#open.length === frameCutRecords) this.cut()
    return 'taken'
  }

  /** By how much a record makes the open frame grow, with the texts that came since they took `textsBytes`. */
  #cost(packed: Uint8Array, textsBytes: number): number {
    const texts = this.#texts.bytes - textsBytes
    return packed.length + lengthBytes + texts + (this.#open.length === 0 ? emptyFrameBytes + textsBytes : 0)
  }

  /** Closes the open frame, if it has any record. */
  cut(): void {
    if (this.#open.length === 0) return
    this.#made += this.#open.length
    const bytes = layFrame(this.#open, this.#texts)
    const frame = { seq: this.#nextSeq++, made: this.#made, count: this.#open.length, bytes }
    this.#waiting.set(frame.seq, frame)
    this.#bytes += bytes.length - this.#openBytes
    this.#open = []
    this.#openBytes = 0
    this.#texts = new Texts()
  }

  /** Bytes of the frames that were cut and not handed over. */
  get unsentBytes(): number {
    return this.#bytes - this.#openBytes - this.#handedOverBytes
  }

  /** The same, but 0 while the window is full. */
  get readyBytes(): number {
    return this.#handedOverBytes < this.#windowBytes ? this.unsentBytes : 0
  }

  /** The frames that may be handed over now, oldest first; each is given once, until `rewind`. */
  handOver(): CutFrame[] {
    const frames: CutFrame[] = []
    while (this.readyBytes > 0) {
      const frame = this.#waiting.get(this.#nextHandOver++)! // cut, and not acknowledged before it was handed over
      this.#handedOverBytes += frame.bytes.length
      frames.push(frame)
    }
    return frames
  }

  /** Lets go of the frames up to and including `throughSeq`; returns how many records they held. */
  acknowledge(throughSeq: number): number {
    let records = 0
    for (const frame of this.#waiting.values()) {
      if (frame.seq > throughSeq) break
      this.#waiting.delete(frame.seq)
      this.#bytes -= frame.bytes.length
      this.#handedOverBytes -= frame.bytes.length
      records += frame.count
    }
    this.#gone += records
    return records
  }

  /** Every frame that is not acknowledged will be handed over again. */
  rewind(): void {
    this.#nextHandOver = this.#waiting.keys().next().value ?? this.#nextSeq
    this.#handedOverBytes = 0
  }

  /** Gives up all that is held; returns how many records that was. */
  discard(): number {
    const records = this.records
    this.cut()
    this.acknowledge(this.#nextSeq)
    this.rewind()
    return records
  }
}
