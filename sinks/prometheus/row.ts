import type { RequestRecord } from '../../record/fields.ts'

export interface Exemplar {
  readonly traceId: string
  /** In the stored unit. */
  readonly value: number
  /** When the request ended, Unix seconds. */
  readonly at: number
}

/** A label set and its numbers. */
export interface Row {
  /** The rows that it is saved with. */
  readonly bundle: Bundle
  readonly labels: readonly string[]
  /** The labels as they are written, with the shard. */
  readonly text: string
  /** Settled; undefined while the block that made the row is not. Replaced and never changed, so that who reads it in slices sees one moment. */
  values: readonly number[] | undefined
  /** Settled and what the block on its way adds; undefined where it adds nothing. */
  draft: number[] | undefined
  /** By slot, the newest record on its way; undefined where the block's exemplars are not taken. */
  newest: RequestRecord[] | undefined
  /** By slot. Not part of the state: they are samples, and the next request brings new ones. */
  exemplars: readonly (Exemplar | undefined)[]
  /** With those of the block on its way. */
  draftExemplars: readonly (Exemplar | undefined)[]
  /** When exemplars were last taken, Unix milliseconds. */
  exemplarsMs: number
  /** When the log took the last block that touched it, Unix milliseconds. */
  touchedMs: number
}

/** Rows saved as one entry of the state: they are touched together, and an entry costs more than the bytes of a row. */
export interface Bundle {
  readonly key: string
  readonly rows: Row[]
  /** Their labels, packed; undefined after rows have come or gone. */
  labels: Uint8Array | undefined
}

/** A row as it is shown: it stays as it is, whatever is settled later. */
export type Shown = Readonly<Pick<Row, 'labels' | 'text' | 'exemplars'>> & { readonly values: readonly number[] }

/** OpenMetrics refuses a page with an exemplar of more than 128 characters, and so one with a trace id of a stranger's making. */
const isTraceId = /^[\w-]{1,64}$/

/** Keeps of a row's newest records what is shown of them, and lets the records go. `readValue` reads what a slot was given. */
export function takeExemplars(row: Row, readValue: (record: RequestRecord, slot: number) => number): void {
  if (!row.newest) return
  const exemplars = [...row.exemplars]
  row.newest.forEach((record, slot) => {
    const { traceId, ts, totalUs } = record
    if (isTraceId.test(traceId)) exemplars[slot] = { traceId, value: readValue(record, slot), at: (ts + totalUs) / 1e6 }
  })
  row.draftExemplars = exemplars
  row.newest = undefined
}
