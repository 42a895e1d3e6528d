import { Packr } from 'msgpackr'
import type { RequestRecord } from '../../record/fields.ts'
import { labelText } from '../../runtime/exposition.ts'
import { fromSparse, type Layout, lengthOf, type SavedRow, toSparse, translation } from './row-numbers.ts'

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
  values: Float64Array | undefined
  /** Settled and what the block on its way adds; undefined where it adds nothing. */
  draft: Float64Array | undefined
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
interface Bundle {
  readonly key: string
  readonly rows: Row[]
}

export type Shown = Readonly<Pick<Row, 'labels' | 'text' | 'exemplars'>> & { readonly values: Float64Array }

export interface TableOptions {
  readonly shard: string
  /** Begins every key of the table in the sink's state. */
  readonly prefix: string
  readonly labelNames: readonly string[]
  /** Rows with the same value of this label, by its place, are saved together; without it each by itself. */
  readonly bundledBy?: number
  readonly layout: Layout
  /** Series that a row with these numbers is shown as. */
  readonly seriesOf: (values: Float64Array) => number
  /** Series that all rows together may be shown as. */
  readonly maxSeries: number
  /** Of those, what is kept for the row of last resort. */
  readonly reservedSeries: number
  /** A row that no block has touched for this long goes. */
  readonly idleMs: number
  /** Reads the stored value that a slot of a histogram was given, for its exemplar; without it none is kept. */
  readonly exemplarValue?: (record: RequestRecord, slot: number) => number
}

const packr = new Packr({ useRecords: false, moreTypes: false })
/** 32 rows are about 1 KB: what is written anew for one touched row. */
const maxBundled = 32
/** 10 s: no exemplar need be newer than a scrape, and taking them costs more than counting. */
const exemplarsEveryMs = 10_000
/** Deletes an entry of the state. */
const gone = new Uint8Array(0)
/** Labels as one string, to find a row by; a label may hold any other character. */
const separator = '\u0000'

/**
 * Label sets of one group of metrics on one shard. A block adds to drafts; `seal` gives the state that makes them
 * durable; `settle` makes them the settled numbers; `discard` forgets them. What is shown is settled.
 */
export class SeriesTable {
  readonly maxSeries: number
  /** Series that the rows are shown as, drafts counted. Whoever makes a number of a draft show as a new series adds to it. */
  series = 0
  readonly #options: TableOptions
  readonly #length: number
  readonly #rows = new Map<string, Row>()
  /** The bundle that takes the next row with a label. */
  readonly #bundles = new Map<string, Bundle>()
  #touched: Row[] = []
  #leaving: Row[] = []
  /** When the log took the block on its way. */
  #atMs = 0
  #settledSeries = 0
  #nextId = 0
  #settledNextId = 0
  /** The layout is not the one that the state was saved under: the next block saves every row anew. */
  #isTranslated = true

  constructor(options: TableOptions) {
    this.#options = options
    this.maxSeries = options.maxSeries
    this.#length = lengthOf(options.layout)
  }

  /** A block comes that the log took at `atMs`. */
  open(atMs: number): void {
    this.#atMs = atMs
  }

  /** Series that are shown. */
  get settledSeries(): number {
    return this.#settledSeries
  }

  /** Whether `series` more fit into the given share of the budget. */
  hasRoom(series: number, share: number): boolean {
    return this.series + series <= (this.maxSeries - this.#options.reservedSeries) * share
  }

  find(labels: readonly string[]): Row | undefined {
    return this.#rows.get(labels.join(separator))
  }

  /** A new row, with a draft of zeros. */
  add(labels: readonly string[]): Row {
    const row = this.#put(labels, this.#bundleFor(labels))
    this.begin(row)
    return row
  }

  /** The row's draft: begun with what is settled. */
  begin(row: Row): Float64Array {
    const draft = row.values ? row.values.slice() : new Float64Array(this.#length)
    row.draft = draft
    const takesExemplars = this.#options.exemplarValue && this.#atMs - row.exemplarsMs >= exemplarsEveryMs
    row.newest = takesExemplars ? [] : undefined
    this.#touched.push(row)
    return draft
  }

  rows(): Iterable<Row> {
    return this.#rows.values()
  }

  /** What may be shown now; stays as it is whatever is settled later. */
  shown(): Shown[] {
    const shown: Shown[] = []
    for (const { labels, text, exemplars, values } of this.#rows.values()) {
      if (values) shown.push({ labels, text, exemplars, values })
    }
    return shown
  }

  /** Puts what makes the drafts durable into `state`, and takes leave of idle rows. */
  seal(state: Map<string, Uint8Array>): void {
    const { prefix, layout, idleMs } = this.#options
    const changed = new Set<Bundle>()
    this.#leaving = []
    for (const row of this.#rows.values()) {
      const isIdle = !row.draft && this.#atMs - row.touchedMs > idleMs
      if (isIdle) this.#leaving.push(row)
      if (row.draft || isIdle || this.#isTranslated) changed.add(row.bundle)
      this.#takeExemplars(row)
    }
    const leaving = new Set(this.#leaving)
    for (const { key, rows } of changed) {
      const staying = leaving.size > 0 ? rows.filter((row) => !leaving.has(row)) : rows
      state.set(key, staying.length > 0 ? packr.pack(staying.map((row) => this.#toSaved(row))) : gone)
    }
    if (this.#isTranslated) state.set(prefix, packr.pack([layout.plain, layout.histograms]))
  }

  /** The sealed block is settled. Whether rows have gone. */
  settle(): boolean {
    for (const row of this.#touched) {
      row.values = row.draft
      row.draft = undefined
      row.touchedMs = Math.max(row.touchedMs, this.#atMs)
      if (row.draftExemplars !== row.exemplars) {
        row.exemplars = row.draftExemplars
        row.exemplarsMs = this.#atMs
      }
    }
    for (const row of this.#leaving) {
      this.#remove(row)
      if (row.values) this.series -= this.#options.seriesOf(row.values)
    }
    const haveGone = this.#leaving.length > 0
    this.#touched = []
    this.#leaving = []
    this.#isTranslated = false
    this.#settledSeries = this.series
    this.#settledNextId = this.#nextId
    return haveGone
  }

  /** The block on its way is forgotten, as if it had never come. */
  discard(): void {
    for (const row of this.#touched) {
      row.draft = undefined
      row.newest = undefined
      row.draftExemplars = row.exemplars
      if (!row.values) this.#remove(row)
    }
    this.#touched = []
    this.#leaving = []
    this.series = this.#settledSeries
    this.#nextId = this.#settledNextId
  }

  /** Takes up what was saved. The keys that it understood. */
  restore(state: ReadonlyMap<string, Uint8Array>): Set<string> {
    const { prefix, layout, seriesOf } = this.#options
    const understood = new Set<string>()
    const saved = state.get(prefix)
    if (!saved) return understood
    understood.add(prefix)
    const [plain, histograms] = packr.unpack(saved) as [number, number[][]] // as `seal` saved it
    this.#isTranslated = JSON.stringify([plain, histograms]) !== JSON.stringify([layout.plain, layout.histograms])
    const slots = this.#isTranslated ? translation({ plain, histograms }, layout) : undefined
    for (const [key, bytes] of state) {
      if (!key.startsWith(`${prefix}/`)) continue
      understood.add(key)
      const bundle: Bundle = { key, rows: [] }
      for (const [labels, touchedMs, sparse] of packr.unpack(bytes) as SavedRow[]) {
        // as `seal` saved it
        const row = this.#put(labels, bundle)
        row.touchedMs = touchedMs
        row.values = fromSparse(sparse, this.#length, slots)
        this.series += seriesOf(row.values)
      }
      this.#nextId = Math.max(this.#nextId, Number.parseInt(key.slice(prefix.length + 1), 36) + 1)
    }
    this.#settledSeries = this.series
    this.#settledNextId = this.#nextId
    return understood
  }

  #put(labels: readonly string[], bundle: Bundle): Row {
    const { shard, labelNames, bundledBy } = this.#options
    const pairs = labelNames.map((name, i) => [name, labels[i] ?? ''])
    const row: Row = {
      bundle,
      labels,
      text: labelText({ shard, ...Object.fromEntries(pairs) }),
      values: undefined,
      draft: undefined,
      newest: undefined,
      exemplars: [],
      draftExemplars: [],
      exemplarsMs: 0,
      touchedMs: 0,
    }
    this.#rows.set(labels.join(separator), row)
    bundle.rows.push(row)
    if (bundledBy !== undefined && bundle.rows.length < maxBundled) this.#bundles.set(labels[bundledBy] ?? '', bundle)
    return row
  }

  #bundleFor(labels: readonly string[]): Bundle {
    const { prefix, bundledBy } = this.#options
    const open = bundledBy === undefined ? undefined : this.#bundles.get(labels[bundledBy] ?? '')
    if (open && open.rows.length > 0 && open.rows.length < maxBundled) return open
    return { key: `${prefix}/${(this.#nextId++).toString(36)}`, rows: [] }
  }

  #remove(row: Row): void {
    this.#rows.delete(row.labels.join(separator))
    row.bundle.rows.splice(row.bundle.rows.indexOf(row), 1)
  }

  #toSaved({ labels, draft, values, touchedMs }: Row): SavedRow {
    return [labels, draft ? Math.max(touchedMs, this.#atMs) : touchedMs, toSparse(draft ?? values)]
  }

  /** Keeps of the newest records what is shown of them, and lets the records go. */
  #takeExemplars(row: Row): void {
    const { exemplarValue } = this.#options
    if (!row.newest || !exemplarValue) return
    const exemplars = [...row.exemplars]
    row.newest.forEach((record, slot) => {
      const { traceId, ts, totalUs } = record
      if (isTraceId.test(traceId))
        exemplars[slot] = { traceId, value: exemplarValue(record, slot), at: (ts + totalUs) / 1e6 }
    })
    row.draftExemplars = exemplars
    row.newest = undefined
  }
}

/** OpenMetrics refuses a page with an exemplar of more than 128 characters, and so one with a trace id of a stranger's making. */
const isTraceId = /^[\w-]{1,64}$/
