import { hash } from 'node:crypto'
import { type DeadLetter, endOf, type Frame, type Position } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import { frameIdentityBytes, sliceFrame, Undecodable } from '../record/frame.ts'
import { MinuteSums } from '../record/minute-sum.ts'
import type { Entry } from './frame-cache.ts'
import type { Shape } from './shape/shape.ts'

/** Consecutive entries of one frame, from `start` up to `end`. */
export interface Span {
  readonly frame: Frame
  readonly start: number
  readonly end: number
}

/**
 * Consecutive records of a shard on their way to becoming a block: what a seal covers, with its contents.
 * It holds frames as they stand in the log; each pass over the records decodes them anew, so that a block that waits
 * costs its bytes and nothing more.
 */
export class Draft {
  readonly #spans: Span[] = []
  readonly #decode: (frame: Frame) => readonly Entry[]
  readonly #shape: Shape | undefined
  /** Dead letters for what could not be decoded, by its place among the entries; found by the first whole pass. */
  readonly #undecodable = new Map<number, DeadLetter>()
  /** What the first whole pass summed up. */
  #minutes = new MinuteSums()
  #filtered = 0
  #wasPassed = false
  readonly from: Position
  /** Entries held, decodable or not. */
  size = 0
  /** Bytes as they stand in the log. */
  bytes = 0

  /** `shape` says which records the sink gets, and what of them; without one it gets all, whole. */
  constructor(from: Position, decode: (frame: Frame) => readonly Entry[], shape?: Shape) {
    this.from = from
    this.#decode = decode
    this.#shape = shape
  }

  get to(): Position {
    const last = this.#spans.at(-1)
    if (!last) return this.from
    return last.end === last.frame.count ? endOf(last.frame) : { offset: last.frame.offset, index: last.end }
  }

  /** What the draft holds, so that another process can make the same one of it. */
  get spans(): readonly Span[] {
    return this.#spans
  }

  get appendedAtMs(): number {
    return this.#spans.at(-1)?.frame.appendedAtMs ?? 0
  }

  /** Takes entries of `frame` from `start` up to `end`; they follow what the draft holds. */
  add(frame: Frame, start: number, end: number): void {
    if (start >= end) return
    this.#spans.push({ frame, start, end })
    this.size += end - start
    this.bytes += Math.ceil((frame.bytes.length * (end - start)) / frame.count)
    this.#wasPassed = false
  }

  /** Position before the `n`-th entry. */
  positionOf(n: number): Position {
    let left = n
    for (const { frame, start, end } of this.#spans) {
      if (left < end - start) return { offset: frame.offset, index: start + left }
      left -= end - start
    }
    return this.to
  }

  /** The draft's two parts, before and from the `n`-th entry on. */
  splitAt(n: number): readonly [Draft, Draft] {
    const left = new Draft(this.from, this.#decode, this.#shape)
    const right = new Draft(this.positionOf(n), this.#decode, this.#shape)
    let passed = 0
    for (const { frame, start, end } of this.#spans) {
      const cut = Math.min(Math.max(start + n - passed, start), end)
      left.add(frame, start, cut)
      right.add(frame, cut, end)
      passed += end - start
    }
    return [left, right]
  }

  /** The records as the sink gets them, in order; decoded frame by frame, and kept by nobody here. */
  *records(): Generator<RequestRecord, void, undefined> {
    const shape = this.#shape
    const minutes = this.#wasPassed ? undefined : new MinuteSums()
    let place = 0
    let filtered = 0
    for (const { frame, start, end } of this.#spans) {
      const entries = this.#decode(frame)
      for (let index = start; index < end; index++, place++) {
        const entry = entries[index]
        if (entry && !(entry instanceof Undecodable)) {
          const record = shape ? shape.apply(entry) : entry
          if (record) {
            minutes?.add(record)
            yield record
          } else filtered++
        } else if (entry) this.#undecodable.set(place, toUndecodableLetter(entry, shape))
      }
    }
    if (minutes) this.#minutes = minutes
    this.#filtered = filtered
    this.#wasPassed = true
  }

  /** How many records the sink does not get. */
  get filtered(): number {
    this.#pass()
    return this.#filtered
  }

  /** How many records the sink gets. */
  get kept(): number {
    return this.size - this.undecodable().size - this.filtered
  }

  /** Whether the shape leaves nothing for the sink. Looks no further than to the first record that it leaves. */
  isFilteredOut(): boolean {
    return this.#shape !== undefined && this.records().next().done === true
  }

  /** The records that the sink gets, by minute. Of the draft's own: whoever takes a record back does so once. */
  get minutes(): MinuteSums {
    this.#pass()
    return this.#minutes
  }

  /** The bytes of the only entry, without decoding it; none where there is a shape, which nobody can apply to them. */
  onlyBytes(): Uint8Array {
    const [span] = this.#spans
    return span && this.size === 1 && !this.#shape ? sliceFrame(span.frame.bytes, span.start) : new Uint8Array()
  }

  /** Dead letters for the entries that cannot be decoded, by their place among the entries. */
  undecodable(): ReadonlyMap<number, DeadLetter> {
    this.#pass()
    return this.#undecodable
  }

  #pass(): void {
    if (!this.#wasPassed) for (const _ of this.records()); // what a pass finds is wanted, not the records
  }

  /** Place among the entries of the `n`-th record that the sink gets. */
  placeOf(n: number): number {
    if (this.kept === this.size) return n
    let place = 0
    let passed = 0
    for (const { frame, start, end } of this.#spans) {
      const entries = this.#decode(frame)
      for (let index = start; index < end; index++, place++) {
        if (this.#isKept(entries[index]) && passed++ === n) return place
      }
    }
    return this.size
  }

  #isKept(entry: Entry | undefined): boolean {
    if (!entry || entry instanceof Undecodable) return false
    return this.#shape?.refusal(entry) === undefined
  }

  /**
   * The block's token: a hash of the sink and of which records it holds. A frame is named by its producer, boot and seq
   * and by its checksum, wherever in a log it stands, so that other records under the same token are impossible.
   */
  token(sink: string): string {
    const parts = [sink]
    for (const { frame, start, end } of this.#spans) {
      parts.push(`${Buffer.from(frame.bytes.subarray(0, frameIdentityBytes)).toString('base64')}:${start}-${end}`)
    }
    return hash('sha256', parts.join('\n'))
  }
}

/**
 * What cannot be decoded cannot be shaped either: where the sink may not get all there is, the bytes are not kept, nor the
 * decoder's reason, which quotes from them.
 */
function toUndecodableLetter({ bytes, reason }: Undecodable, shape: Shape | undefined): DeadLetter {
  if (!shape) return { form: 'undecodable', bytes, reason: `Cannot be decoded: ${reason}.` }
  const kept = `Its ${bytes.length} bytes are not kept, because this sink shapes its records.`
  return { form: 'undecodable', bytes: new Uint8Array(), reason: `Cannot be decoded. ${kept}` }
}

/** A record as a dead letter: JSON, so that a person can read it and mend it. */
export function toDeadLetter(record: RequestRecord, reason: string): DeadLetter {
  return { form: 'json', bytes: new TextEncoder().encode(JSON.stringify(record)), reason }
}
