import { slotsOf, translateSlot } from './histogram.ts'

/** Where each number of a row stands: plain ones first, then the histograms, one behind the other. */
export interface Layout {
  readonly plain: number
  /** Upper bounds of each histogram. */
  readonly histograms: readonly (readonly number[])[]
}

function lengthOf({ plain, histograms }: Layout): number {
  return histograms.reduce((sum, bounds) => sum + slotsOf({ bounds }), plain)
}

/** Zeros that stay floating-point numbers when copied, so that all rows are alike to the engine: a copy costs a fifth of a typed array's. */
export function zerosFor(layout: Layout): readonly number[] {
  return Array.from({ length: lengthOf(layout) }, () => 0.5).fill(0)
}

/** Adds to what is saved: how many numbers are not zero, and each of those behind its slot. */
export function saveNumbers(saved: number[], values: readonly number[]): void {
  const countAt = saved.push(0) - 1
  for (let slot = 0; slot < values.length; slot++) {
    const value = values[slot] as number // within the array by the condition
    if (value !== 0) saved.push(slot, value)
  }
  saved[countAt] = (saved.length - countAt - 1) / 2
}

/** Reads into `values` what `saveNumbers` added at `at`; where it ends. `slots` says where a slot of another layout belongs. */
export function restoreNumbers(
  saved: readonly number[],
  at: number,
  values: number[],
  slots: readonly (number | undefined)[] | undefined,
): number {
  const end = at + 1 + 2 * (saved[at] ?? 0)
  for (let i = at + 1; i < end; i += 2) {
    const slot = saved[i] as number // in pairs up to the end
    const to = slots ? slots[slot] : slot
    if (to !== undefined) values[to] = (values[to] ?? 0) + (saved[i + 1] as number) // as above
  }
  return end
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
