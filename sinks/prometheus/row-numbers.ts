import { slotsOf, translateSlot } from './histogram.ts'

/** Where each number of a row stands: plain ones first, then the histograms, one behind the other. */
export interface Layout {
  readonly plain: number
  /** Upper bounds of each histogram. */
  readonly histograms: readonly (readonly number[])[]
}

/** How many numbers a row has. */
export function lengthOf({ plain, histograms }: Layout): number {
  return histograms.reduce((sum, bounds) => sum + slotsOf({ bounds }), plain)
}

/** Labels, when it was last touched, and the numbers that are not zero, each behind its slot. */
export type SavedRow = readonly [labels: readonly string[], touchedMs: number, sparse: readonly number[]]

export function toSparse(values: Float64Array = new Float64Array(0)): number[] {
  const sparse: number[] = []
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number // within the array by the condition
    if (value !== 0) sparse.push(i, value)
  }
  return sparse
}

export function fromSparse(
  sparse: readonly number[],
  length: number,
  slots: readonly (number | undefined)[] | undefined,
): Float64Array {
  const values = new Float64Array(length)
  for (let i = 0; i < sparse.length; i += 2) {
    const slot = sparse[i] as number // in pairs, as `toSparse` made them
    const at = slots ? slots[slot] : slot
    if (at !== undefined) values[at] = (values[at] ?? 0) + (sparse[i + 1] as number) // as above
  }
  return values
}

/** For each slot of one layout the slot of another. Plain numbers and histograms keep their order; new ones come last. */
export function translation(from: Layout, to: Layout): (number | undefined)[] {
  const slots: (number | undefined)[] = Array.from({ length: from.plain }, (_, i) => (i < to.plain ? i : undefined))
  let at = to.plain
  for (const [i, bounds] of from.histograms.entries()) {
    const other = to.histograms[i]
    for (let slot = 0; slot < slotsOf({ bounds }); slot++) {
      slots.push(other ? at + translateSlot(slot, bounds, other) : undefined)
    }
    if (other) at += slotsOf({ bounds: other })
  }
  return slots
}
