import type { RequestRecord } from './fields.ts'

/** How many records of one minute, and which: two sets of equal count and sum are the same set but for one in 2^48. */
export interface MinuteSum {
  /** Minutes since 1970 of the records' `ts`. */
  readonly minute: number
  readonly records: number
  /** Sum of `idSumOf` over the records, modulo 2^48. */
  readonly idSum: number
}

/** Sums of ids are taken modulo this: what twelve hexadecimal digits can say. */
export const idSumModulus = 2 ** 48

const minuteUs = 60_000_000
/** Where the last 12 of a UUID's 36 characters begin; in a UUIDv7 they are random. */
const randomAt = 24

/** What a record's id adds to its minute's sum: its last 12 hexadecimal digits as a number. */
export function idSumOf(id: string): number {
  // Digit by digit in two halves of 24 bits: no text is cut out, and no number leaves the small integers.
  return half(id, randomAt) * 0x100_0000 + half(id, randomAt + 6)
}

function half(id: string, at: number): number {
  let value = 0
  for (let i = at; i < at + 6; i++) {
    const code = id.charCodeAt(i)
    value = (value << 4) | (code < 0x3a ? code & 0xf : (code + 9) & 0xf) // 0-9, then a-f and A-F
  }
  return value
}

/** The minute that a record belongs to, by its own time. */
export function minuteOf(tsUs: number): number {
  return Math.floor(tsUs / minuteUs)
}

/** Sums up records by minute on the way past them. */
export class MinuteSums {
  readonly #sums = new Map<number, { records: number; idSum: number }>()
  /** The minute of the record before: nearly always the next one's too. */
  #minute = Number.NaN
  #sum = { records: 0, idSum: 0 }

  add({ ts, id }: Pick<RequestRecord, 'ts' | 'id'>): void {
    const sum = this.#of(minuteOf(ts))
    sum.records++
    sum.idSum = (sum.idSum + idSumOf(id)) % idSumModulus
  }

  /** Takes back a record that was added. */
  remove({ ts, id }: Pick<RequestRecord, 'ts' | 'id'>): void {
    const sum = this.#of(minuteOf(ts))
    sum.records--
    sum.idSum = (sum.idSum - idSumOf(id) + idSumModulus) % idSumModulus
  }

  /** One sum for each minute that has a record, in order. */
  toList(): MinuteSum[] {
    return [...this.#sums]
      .filter(([, { records }]) => records > 0)
      .map(([minute, sum]) => ({ minute, ...sum }))
      .sort((a, b) => a.minute - b.minute)
  }

  #of(minute: number): { records: number; idSum: number } {
    if (minute === this.#minute) return this.#sum
    let sum = this.#sums.get(minute)
    if (!sum) {
      sum = { records: 0, idSum: 0 }
      this.#sums.set(minute, sum)
    }
    this.#minute = minute
    this.#sum = sum
    return sum
  }
}
