import { hash } from 'node:crypto'
import { type DeadLetter, endOf, type Frame, type Position } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import { Undecodable } from '../record/frame.ts'
import type { Entry } from './frame-cache.ts'

/** Consecutive entries of one frame. */
interface Span {
  readonly frame: Frame
  readonly start: number
  readonly entries: readonly Entry[]
}

/** Consecutive records of a shard on their way to becoming a block: what a seal covers, with its contents. */
export class Draft {
  readonly #spans: Span[] = []
  readonly from: Position
  /** Entries held, decodable or not. */
  size = 0
  /** Bytes as they stand in the log. */
  bytes = 0

  constructor(from: Position) {
    this.from = from
  }

  get to(): Position {
    const last = this.#spans.at(-1)
    if (!last) return this.from
    const index = last.start + last.entries.length
    return index === last.frame.count ? endOf(last.frame) : { offset: last.frame.offset, index }
  }

  get appendedAtMs(): number {
    return this.#spans.at(-1)?.frame.appendedAtMs ?? 0
  }

  /** Takes entries of `frame` from `start` up to `end`; they follow what the draft holds. */
  add(frame: Frame, entries: readonly Entry[], start: number, end: number): void {
    this.#push({ frame, start, entries: start === 0 && end === entries.length ? entries : entries.slice(start, end) })
  }

  /** Position before the `n`-th entry. */
  positionOf(n: number): Position {
    let left = n
    for (const { frame, start, entries } of this.#spans) {
      if (left < entries.length) return { offset: frame.offset, index: start + left }
      left -= entries.length
    }
    return this.to
  }

  /** The draft's two parts, before and from the `n`-th entry on. */
  splitAt(n: number): readonly [Draft, Draft] {
    const parts = [new Draft(this.from), new Draft(this.positionOf(n))] as const
    let passed = 0
    for (const { frame, start, entries } of this.#spans) {
      const left = Math.min(Math.max(n - passed, 0), entries.length)
      parts[0].#push({ frame, start, entries: entries.slice(0, left) })
      parts[1].#push({ frame, start: start + left, entries: entries.slice(left) })
      passed += entries.length
    }
    return parts
  }

  #push(span: Span): void {
    if (span.entries.length === 0) return
    this.#spans.push(span)
    this.size += span.entries.length
    this.bytes += Math.ceil((span.frame.bytes.length * span.entries.length) / span.frame.count)
  }

  *entries(): Generator<Entry> {
    for (const { entries } of this.#spans) yield* entries
  }

  /** The records that can be sent, in order, and each one's place among the entries. */
  records(): { records: RequestRecord[]; places: number[] | undefined } {
    const records: RequestRecord[] = []
    let places: number[] | undefined // made only where an entry could not be decoded: almost never
    let n = 0
    for (const { entries } of this.#spans) {
      for (const entry of entries) {
        if (entry instanceof Undecodable) places ??= records.map((_, place) => place)
        else {
          records.push(entry)
          places?.push(n)
        }
        n++
      }
    }
    return { records, places }
  }

  /** Dead letters for the entries that could not be decoded. */
  undecodable(): DeadLetter[] {
    const letters: DeadLetter[] = []
    for (const entry of this.entries()) {
      if (entry instanceof Undecodable) {
        letters.push({ form: 'undecodable', bytes: entry.bytes, reason: `Cannot be decoded: ${entry.reason}.` })
      }
    }
    return letters
  }

  /** The block's token: a hash of the sink and the record ids, so that other records under the same token are impossible. */
  token(sink: string): string {
    const parts = [sink]
    for (const entry of this.entries()) {
      parts.push(entry instanceof Undecodable ? hash('sha256', entry.bytes) : entry.id)
    }
    return hash('sha256', parts.join('\n'))
  }
}

/** A record as a dead letter: JSON, so that a person can read it and mend it. */
export function toDeadLetter(record: RequestRecord, reason: string): DeadLetter {
  return { form: 'json', bytes: new TextEncoder().encode(JSON.stringify(record)), reason }
}
