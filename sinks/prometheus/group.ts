import type { RequestRecord } from '../../record/fields.ts'
import type { SeriesTable } from './series-table.ts'

/** Metrics that share their label sets, on one shard: a table of them, and the way from a record to its row. */
export interface Group {
  readonly table: SeriesTable
  /** Counts a record of the block on its way. */
  add(record: RequestRecord): void
  /** Finds anew where labels lead: rows have come or gone otherwise than by `add`. */
  forget(): void
  /** Puts what it keeps beside its table. */
  seal?(state: Map<string, Uint8Array>): void
  settle?(): void
  discard?(): void
  /** Takes up what `seal` put; the keys that it understood. */
  restore?(state: ReadonlyMap<string, Uint8Array>): Iterable<string>
}

/** The map at `key`, made where there is none. */
export function entry<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const found = map.get(key)
  if (found) return found
  const made = new Map<string, V>()
  map.set(key, made)
  return made
}
