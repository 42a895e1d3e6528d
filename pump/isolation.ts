import type { RejectedError } from '../sinks/sink.ts'
import type { Draft } from './draft.ts'

/** Up to this many rejected records are isolated whatever the block's size; beyond, more than a tenth halts the sink. */
const isolatedFreely = 100

/** How many records of a block, with the parts that it was split into, were found at fault. */
export interface Family {
  rejected: number
  readonly size: number
}

/** Whether so many more records may be at fault, rather than the sink or its operator. */
export function mayReject({ rejected, size }: Family, more: number): boolean {
  return rejected + more <= isolatedFreely || rejected + more <= size / 10
}

/** Before the first record that the backend named, or behind it where it comes first; in the middle where it named none. Counted in entries. */
export function splitPoint(draft: Draft, count: number, { indexes }: RejectedError): number {
  const named = indexes?.reduce((least, index) => Math.min(least, index), count)
  const record = named === undefined || named === count ? count >> 1 : Math.max(named, 1)
  return Math.min(Math.max(draft.placeOf(record), 1), draft.size - 1)
}
