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
  /** Settled; undefined while the block that made the row is not. Replaced by a settle, never changed. */
  values: readonly number[] | undefined
  /** Numbers that nobody reads any more, to make the next draft of; undefined where there are none. */
  spare: number[] | undefined
  /** The settled numbers are being read in slices, and must outlive their replacement. */
  isShown: boolean
  /** Settled and what the block on its way adds; undefined where it adds nothing. */
  draft: number[] | undefined
  /** By slot. Not part of the state: they are samples, and the next request brings new ones. */
  exemplars: readonly (Exemplar | undefined)[]
  /** With those of the block on its way; undefined where it takes none. */
  draftExemplars: (Exemplar | undefined)[] | undefined
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

/** Lets a record be the exemplar of the slots that it fell into, each with the value that it fell there by. */
export function exemplify(
  row: Row,
  record: RequestRecord,
  slots: readonly (readonly [slot: number, value: number])[],
): void {
  const { traceId, ts, totalUs } = record
  if (!row.draftExemplars || !isTraceId.test(traceId)) return
  // What is kept of the record is copied: one that outlives its frame makes the engine take all of them for long-lived.
  const kept = { traceId: detached(traceId), at: (ts + totalUs) / 1e6 }
  for (const [slot, value] of slots) row.draftExemplars[slot] = { ...kept, value }
}

/** A copy that stands alone: a decoded text is a slice of all the text of its record, and would keep that alive. */
export function detached(text: string): string {
  return Buffer.from(text).toString()
}
