import { hash } from 'node:crypto'
import { type DeadLetter, endOf, type Frame, type Position } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import { sliceRecord, Undecodable } from '../record/frame.ts'
import { MinuteSums } from '../record/minute-sum.ts'
import type { Entry } from './frame-cache.ts'

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
  /** Dead letters for what could not be decoded, by its place among the entries; found by the first whole pass. */
  readonly #undecodable = new Map<number, DeadLetter>()
  /** What the first whole pass summed up. */
  #minutes = new MinuteSums()
  #wasPassed = false
  readonly from: Position
  /** Entries held, decodable or not. */
  size = 0
  /** Bytes as they stand in the log. */
  bytes = 0

  constructor(from: Position, decode: (frame: Frame) => readonly Entry[]) {
    this.from = from
    this.#decode = decode
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
    const left = new Draft(this.from, this.#decode)
    const right = new Draft(this.positionOf(n), this.#decode)
    let passed = 0
    for (const { frame, start, end } of this.#spans) {
      const cut = Math.min(Math.max(start + n - passed, start), end)
      left.add(frame, start, cut)
      right.add(frame, cut, end)
      passed += end - start
    }
    return [left, right]
  }

  /** The records that can be decoded, in order; decoded frame by frame, and kept by nobody here. */
  *records(): Generator<RequestRecord, void, undefined> {
    const minutes = this.#wasPassed ? undefined : new MinuteSums()
    let place = 0
    for (const { frame, start, end } of this.#spans) {
      const entries = this.#decode(frame)
      for (let index = start; index < end; index++, place++) {
        const entry = entries[index]
        if (entry && !(entry instanceof Undecodable)) {
          minutes?.add(entry)
          yield entry
        } else if (entry) this.#undecodable.set(place, toUndecodableLetter(entry))
      }
    }
    if (minutes) this.#minutes = minutes
    this.#wasPassed = true
  }

  /** The records that can be decoded, by minute. Of the draft's own: whoever takes a record back does so once. */
  get minutes(): MinuteSums {
    this.#pass()
    return this.#minutes
  }

  /** The bytes of the only entry, without decoding it. */
  onlyBytes(): Uint8Array {
    const [span] = this.#spans
    return span && this.size === 1 ? sliceRecord(span.frame.bytes, span.start) : new Uint8Array()
  }

  /** Dead letters for the entries that cannot be decoded, by their place among the entries. */
  undecodable(): ReadonlyMap<number, DeadLetter> {
    this.#pass()
    return this.#undecodable
  }

  #pass(): void {
    if (!this.#wasPassed) for (const _ of this.records()); // what a pass finds is wanted, not the records
  }

  /** Place among the entries of the `n`-th record that can be decoded. */
  placeOf(n: number): number {
    const undecodable = this.undecodable()
    if (undecodable.size === 0) return n
    for (let place = 0, passed = 0; place < this.size; place++) {
      if (!undecodable.has(place) && passed++ === n) return place
    }
    return this.size
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

/** The head of a frame up to its seq: magic, version, checksum, producer, boot, seq, as `record/frame.ts` draws it. */
const frameIdentityBytes = 36

function toUndecodableLetter({ bytes, reason }: Undecodable): DeadLetter {
  return { form: 'undecodable', bytes, reason: `Cannot be decoded: ${reason}.` }
}

/** A record as a dead letter: JSON, so that a person can read it and mend it. */
export function toDeadLetter(record: RequestRecord, reason: string): DeadLetter {
  return { form: 'json', bytes: new TextEncoder().encode(JSON.stringify(record)), reason }
}
