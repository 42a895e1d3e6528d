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

/** Value of a hexadecimal digit, in either case, by its character code. */
const digits = new Uint8Array(128)
for (const [value, digit] of [...'0123456789abcdef'].entries())
  for (const either of [digit, digit.toUpperCase()]) digits[either.charCodeAt(0)] = value

/** What a record's id adds to its minute's sum: its last 12 hexadecimal digits as a number. */
export function idSumOf(id: string): number {
  // In two halves of 24 bits, from a table and without a loop: 30 ns, where cutting the text out and parsing it takes 120.
  return half(id, randomAt) * 0x100_0000 + half(id, randomAt + 6)
}

function half(id: string, at: number): number {
  const upper = (digit(id, at) << 20) | (digit(id, at + 1) << 16) | (digit(id, at + 2) << 12)
  return upper | (digit(id, at + 3) << 8) | (digit(id, at + 4) << 4) | digit(id, at + 5)
}

function digit(id: string, at: number): number {
  return digits[id.charCodeAt(at)] ?? 0
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
    const idSum = sum.idSum + idSumOf(id)
    sum.idSum = idSum < idSumModulus ? idSum : idSum - idSumModulus
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
