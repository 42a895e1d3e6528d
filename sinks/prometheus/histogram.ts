/** The buckets of a histogram, in the unit that is stored and in the one that is shown. */
export interface Buckets {
  /** Upper bounds, ascending, in the stored unit. */
  readonly bounds: readonly number[]
  /** Stored units in a shown one: 1,000,000 where microseconds are shown as seconds. */
  readonly scale: number
  /** The bounds as they stand in `le`, with the last, infinite one. */
  readonly le: readonly string[]
}

/** Buckets with these upper bounds, in the shown unit and any order. */
export function toBuckets(shown: readonly number[], scale: number): Buckets {
  const ascending = [...new Set(shown)].sort((a, b) => a - b)
  return {
    bounds: ascending.map((bound) => (scale === 1 ? bound : Math.round(bound * scale))),
    scale,
    le: [...ascending.map(String), '+Inf'],
  }
}

/** Numbers that a histogram takes in a row of numbers: one for each bucket, the infinite one too, and their sum. */
export function slotsOf({ bounds }: Pick<Buckets, 'bounds'>): number {
  return bounds.length + 2
}

/** Series that Prometheus makes of a histogram: one for each bucket, the infinite one too, their sum and their count. */
export function seriesOf({ bounds }: Pick<Buckets, 'bounds'>): number {
  return bounds.length + 3
}

/** Adds to one of a row of numbers. */
export function add(values: number[], at: number, by: number): void {
  values[at] = (values[at] as number) + by // a layout's own slot: within the row
}

/** Counts `value` in the histogram at `at`; the bucket's slot. */
export function observe(values: number[], at: number, bounds: readonly number[], value: number, weight: number) {
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++ // within the bounds by the condition
  add(values, at + bucket, weight)
  add(values, at + bounds.length + 1, value * weight)
  return at + bucket
}

/** What the histogram at `at` has counted. */
export function countOf(values: readonly number[], at: number, { bounds }: Pick<Buckets, 'bounds'>): number {
  let count = 0
  for (let i = 0; i <= bounds.length; i++) count += values[at + i] as number // a layout's own slot
  return count
}

/**
 * The slot, in a histogram with other bounds, that a slot's number belongs to: the bucket that surely holds it all. Counts up to a bound
 * that both have stay exact, and no count is lost.
 */
export function translateSlot(slot: number, from: readonly number[], to: readonly number[]): number {
  if (slot === from.length + 1) return to.length + 1
  const bound = from[slot] ?? Number.POSITIVE_INFINITY
  const bucket = to.findIndex((other) => other >= bound)
  return bucket < 0 ? to.length : bucket
}
