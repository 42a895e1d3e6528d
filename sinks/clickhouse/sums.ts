/*
  What `record/minute-sum.ts` computes, as SQL. The last 12 digits of an id are the last 6 of its bytes. Sums of ClickHouse
  wrap at 2^64, which 2^48 divides.
*/
import { idSumModulus } from '../../record/minute-sum.ts'

/** The minute since 1970 that a row belongs to. */
export const minuteOfRow = 'toUInt32(intDiv(toUnixTimestamp64Micro(ts), 60000000))'

/** What a row's id adds to its minute's sum. */
export const idTail = 'reinterpretAsUInt64(reverse(unhex(right(toString(id), 12))))'

/** The sum of such an expression over rows. */
export const sumOfTails = (expression: string) => `bitAnd(sum(${expression}), ${idSumModulus - 1})`
