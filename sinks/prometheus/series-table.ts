import { Packr } from 'msgpackr'
import { labelText } from '../../runtime/exposition.ts'
import { type Bundle, detached, type Row, type Shown } from './row.ts'
import { type Layout, restoreNumbers, saveNumbers, translation, zerosFor } from './row-numbers.ts'

export interface TableOptions {
  readonly shard: string
  /** Begins every key of the table in the sink's state. */
  readonly prefix: string
  readonly labelNames: readonly string[]
  /** Rows with the same value of this label, by its place, are saved together; without it each by itself. */
  readonly bundledBy?: number
  readonly layout: Layout
  /** Series that a row with these numbers is shown as. */
  readonly seriesOf: (values: readonly number[]) => number
  /** Series that all rows together may be shown as. */
  readonly maxSeries: number
  /** Of those, what is kept for the row of last resort. */
  readonly reservedSeries: number
  /** A row that no block has touched for this long goes. */
  readonly idleMs: number
  /** Whether rows keep exemplars. */
  readonly exemplars: boolean
}

const packr = new Packr({ useRecords: false, moreTypes: false })
/** 32 rows are about 1 KB: what is written anew for one touched row. */
const maxBundled = 32
/** 10 s: no exemplar need be newer than a scrape, and taking them costs more than counting. */
const exemplarsEveryMs = 10_000
/** Deletes an entry of the state. */
const gone = new Uint8Array(0)

/**
 * Label sets of one group of metrics on one shard. A block adds to drafts; `seal` gives the state that makes them
 * durable; `settle` makes them the settled numbers; `discard` forgets them. What is shown is settled.
 */
export class SeriesTable {
  readonly maxSeries: number
  /** Series that the rows are shown as, drafts counted. Whoever makes a number of a draft show as a new series adds to it. */
  series = 0
  readonly #options: TableOptions
  readonly #zeros: readonly number[]
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
    this.#zeros = zerosFor(options.layout)
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
    return this.#rows.get(keyOf(labels))
  }

  /** A new row, with a draft of zeros. */
  add(labels: readonly string[]): Row {
    const row = this.#put(labels.map(detached), this.#bundleFor(labels))
    this.begin(row)
    return row
  }

  /** The row's draft: begun with what is settled. */
  begin(row: Row): number[] {
    const draft = copied(row.values ?? this.#zeros, row.spare)
    row.draft = draft
    row.spare = undefined
    const takesExemplars = this.#options.exemplars && this.#atMs - row.exemplarsMs >= exemplarsEveryMs
    row.draftExemplars = takesExemplars ? [...row.exemplars] : undefined
    this.#touched.push(row)
    return draft
  }

  rows(): Iterable<Row> {
    return this.#rows.values()
  }

  /** What may be shown now; stays as it is whatever is settled later. */
  shown(): Shown[] {
    const shown: Shown[] = []
    for (const row of this.#rows.values()) {
      const { labels, text, exemplars, values } = row
      if (!values) continue
      row.isShown = true
      shown.push({ labels, text, exemplars, values })
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
    }
    const leaving = new Set(this.#leaving)
    for (const bundle of changed) state.set(bundle.key, this.#pack(bundle, leaving))
    if (this.#isTranslated) state.set(prefix, packr.pack([layout.plain, layout.histograms]))
  }

  /** The sealed block is settled. Whether rows have gone. */
  settle(): boolean {
    for (const row of this.#touched) {
      if (!row.isShown) row.spare = row.values as number[] | undefined // the table's own
      row.isShown = false
      row.values = row.draft
      row.draft = undefined
      row.touchedMs = Math.max(row.touchedMs, this.#atMs)
      if (row.draftExemplars) {
        row.exemplars = row.draftExemplars
        row.draftExemplars = undefined
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
      row.draftExemplars = undefined
      if (!row.values) this.#remove(row)
    }
    this.#touched = []
    this.#leaving = []
    this.series = this.#settledSeries
    this.#nextId = this.#settledNextId
  }

  /** Takes up what was saved. The keys that it understood. */
  restore(state: ReadonlyMap<string, Uint8Array>): Set<string> {
    const { prefix, layout } = this.#options
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
      this.#unpack(key, bytes, slots)
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
      spare: undefined,
      isShown: false,
      draft: undefined,
      exemplars: [],
      draftExemplars: undefined,
      exemplarsMs: 0,
      touchedMs: 0,
    }
    this.#rows.set(keyOf(labels), row)
    bundle.rows.push(row)
    bundle.labels = undefined
    if (bundledBy !== undefined && bundle.rows.length < maxBundled) this.#bundles.set(labels[bundledBy] ?? '', bundle)
    return row
  }

  #bundleFor(labels: readonly string[]): Bundle {
    const { prefix, bundledBy } = this.#options
    const open = bundledBy === undefined ? undefined : this.#bundles.get(labels[bundledBy] ?? '')
    if (open && open.rows.length > 0 && open.rows.length < maxBundled) return open
    return { key: `${prefix}/${(this.#nextId++).toString(36)}`, rows: [], labels: undefined }
  }

  #remove(row: Row): void {
    this.#rows.delete(keyOf(row.labels))
    row.bundle.rows.splice(row.bundle.rows.indexOf(row), 1)
    row.bundle.labels = undefined
  }

  /** A bundle as an entry of the state: the labels of its rows, then for each when it was touched and its numbers. */
  #pack(bundle: Bundle, leaving: ReadonlySet<Row>): Uint8Array {
    const rows = leaving.size > 0 ? bundle.rows.filter((row) => !leaving.has(row)) : bundle.rows
    if (rows.length === 0) return gone
    const labels = (rows === bundle.rows && bundle.labels) || Buffer.from(packr.pack(rows.map((row) => row.labels)))
    if (rows === bundle.rows) bundle.labels = labels
    const saved: number[] = []
    for (const { draft, values = this.#zeros, touchedMs } of rows) {
      saved.push(draft ? Math.max(touchedMs, this.#atMs) : touchedMs)
      saveNumbers(saved, draft ?? values)
    }
    return packr.pack([labels, saved])
  }

  #unpack(key: string, bytes: Uint8Array, slots: readonly (number | undefined)[] | undefined): void {
    const [labels, saved] = packr.unpack(bytes) as [Uint8Array, number[]] // as `#pack` made it
    const bundle: Bundle = { key, rows: [], labels: undefined }
    let at = 0
    const all = packr.unpack(labels) as string[][] // as above
    for (const one of all) {
      const row = this.#put(one, bundle)
      const values = this.#zeros.slice()
      row.touchedMs = saved[at] ?? 0
      at = restoreNumbers(saved, at + 1, values, slots)
      row.values = values
      this.series += this.#options.seriesOf(values)
    }
  }
}

/** Labels as one string, to find a row by; different for different labels, whatever characters they hold. */
function keyOf(labels: readonly string[]): string {
  let key = ''
  for (const label of labels) key += `${label.length}:${label}`
  return key
}

/** A copy, in `spare` where there is one: what every block makes anew for every row is most of what it would leave to the collector. */
function copied(values: readonly number[], spare: number[] | undefined): number[] {
  if (!spare) return values.slice()
  for (let i = 0; i < values.length; i++) spare[i] = values[i] as number // within the array by the condition
  return spare
}
