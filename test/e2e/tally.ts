import assert from 'node:assert/strict'

/** How often each thing occurs, by its key. */
export type Tally = ReadonlyMap<string, number>

/** Counts items by key; with `weightOf` an item counts for more than one. */
export function tally<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  weightOf: (item: T) => number = () => 1,
): Tally {
  const counts = new Map<string, number>()
  for (const item of items) {
    const key = keyOf(item)
    counts.set(key, (counts.get(key) ?? 0) + weightOf(item))
  }
  return counts
}

export function total(counts: Tally): number {
  return counts.values().reduce((sum, count) => sum + count, 0)
}

const rowsShown = 10 // enough to see the pattern

/** Fails with the first keys whose counts differ. */
export function assertSameTally(held: Tally, expected: Tally, what: string): void {
  const keys = [...new Set([...expected.keys(), ...held.keys()])]
  const differing = keys.filter((key) => (held.get(key) ?? 0) !== (expected.get(key) ?? 0))
  const rows = differing
    .slice(0, rowsShown)
    .map((key) => `  ${held.get(key) ?? 0} for ${expected.get(key) ?? 0}  ${key}`)
  const more = differing.length > rowsShown ? `\n  … and ${differing.length - rowsShown} more` : ''
  assert.ok(
    differing.length === 0,
    `${what} holds ${total(held)} where ${total(expected)} are expected; ${differing.length} counts differ:\n${rows.join('\n')}${more}`,
  )
}
