import { createHash } from 'node:crypto'
import type { RequestRecord } from '../../record/fields.ts'
import { type ExpositionFormat, familyHead } from '../../runtime/exposition.ts'
import { type Declaration, filterOf, labelName, labelReader, scaleOf, valueReader } from './declaration.ts'
import type { Group } from './group.ts'
import { add, type Buckets, observe, seriesOf, toBuckets } from './histogram.ts'
import { counterLines, histogramLines, other } from './page.ts'
import { detached, exemplify, type Row, type Shown } from './row.ts'
import { SeriesTable } from './series-table.ts'

/** Begins the key of everything that a declared metric saves. */
export const declaredPrefix = 'd'

/* The numbers of a row: requests that the metric is about, those of them without a value, then the counter, or the histogram. */
const requestsAt = 0
const valuelessAt = 1
const valueAt = 2

/** A declared metric as it is used, the same for all shards. */
export interface Compiled {
  readonly declaration: Declaration
  readonly prefix: string
  readonly labelNames: readonly string[]
  readonly labels: readonly ((record: RequestRecord) => string)[]
  readonly value: (record: RequestRecord) => number | undefined
  readonly counts: ((record: RequestRecord) => boolean) | undefined
  readonly buckets: Buckets | undefined
  readonly maxSeries: number
  readonly idleMs: number
}

export function compile(
  declaration: Declaration,
  limits: { readonly maxSeries: number; readonly idleMs: number },
): Compiled {
  const { name, type, value, labels, where, buckets } = declaration
  // Another meaning under the same name begins at 0; other buckets or another help do not change what was counted.
  const meaning = createHash('sha256').update(JSON.stringify([name, type, value, labels, where]))
  return {
    declaration,
    prefix: `${declaredPrefix}${meaning.digest('hex').slice(0, 12)}`,
    labelNames: labels.map(labelName),
    labels: labels.map(labelReader),
    value: valueReader(value),
    counts: filterOf(where),
    buckets: buckets && toBuckets(buckets, scaleOf(value)),
    ...limits,
  }
}

/** Enough for one label set beside that of all others. */
export function fewestSeries({ buckets }: Compiled): number {
  return 2 * (buckets ? seriesOf(buckets) : 1)
}

type Branch = Map<string, Branch | Row>

/** A declared metric on one shard. New label sets beyond its budget are counted in one where every label is `__other__`. */
export class Declared implements Group {
  readonly table: SeriesTable
  readonly #compiled: Compiled
  readonly #rowSeries: number
  /** By each label in turn; at the end the row. Also leads label sets without a row of their own to the one of all others. */
  #known: Branch = new Map()
  #knownCount = 0

  constructor(shard: string, compiled: Compiled) {
    const { prefix, labelNames, buckets, maxSeries, idleMs } = compiled
    this.#compiled = compiled
    this.#rowSeries = buckets ? seriesOf(buckets) : 1
    this.table = new SeriesTable({
      shard,
      prefix,
      labelNames,
      layout: { plain: buckets ? valueAt : valueAt + 1, histograms: buckets ? [buckets.bounds] : [] },
      seriesOf: () => this.#rowSeries,
      maxSeries,
      reservedSeries: this.#rowSeries,
      idleMs,
      exemplars: buckets !== undefined,
    })
  }

  add(record: RequestRecord): void {
    const { counts, buckets, value: read } = this.#compiled
    if (counts && !counts(record)) return
    const row = this.#rowOf(record)
    const values = row.draft ?? this.table.begin(row)
    const { weight } = record
    const value = read(record)
    add(values, requestsAt, weight)
    if (value === undefined || value < 0) add(values, valuelessAt, weight)
    else if (buckets) {
      const slot = observe(values, valueAt, buckets.bounds, value, weight)
      if (row.draftExemplars) exemplify(row, record, [[slot, value]])
    } else add(values, valueAt, value * weight)
  }

  forget(): void {
    this.#known = new Map()
    this.#knownCount = 0
  }

  #rowOf(record: RequestRecord): Row {
    const { labels } = this.#compiled
    let at: Branch | Row | undefined = this.#known
    for (const read of labels) at = at instanceof Map ? at.get(read(record)) : undefined
    if (at !== undefined && !(at instanceof Map)) return at
    return this.#find(labels.map((read) => read(record)))
  }

  #find(labels: readonly string[]): Row {
    const { table } = this
    const row =
      table.find(labels) ??
      (table.hasRoom(this.#rowSeries, 1) ? this.#add(labels) : undefined) ??
      table.find(labels.map(() => other)) ??
      this.#add(labels.map(() => other))
    this.#know(labels.map(detached), row)
    return row
  }

  #add(labels: readonly string[]): Row {
    this.table.series += this.#rowSeries
    return this.table.add(labels)
  }

  #know(labels: readonly string[], row: Row): void {
    if (labels.length === 0) return
    if (this.#knownCount++ >= maxKnown) this.forget()
    let at = this.#known
    for (const label of labels.slice(0, -1)) {
      const next = at.get(label)
      const branch: Branch = next instanceof Map ? next : new Map()
      at.set(label, branch)
      at = branch
    }
    at.set(labels.at(-1) as string, row) // not empty, by the condition
  }
}

/** Look-ups that are kept; a stream of ever new values begins them anew. */
const maxKnown = 10_000

/** Writes the metric of all shards' rows. */
export function* declaredLines(
  { declaration, buckets }: Compiled,
  rows: readonly Shown[],
  format: ExpositionFormat,
): Generator<string> {
  if (!buckets)
    return yield* counterLines(declaration, rows, { at: valueAt, scale: scaleOf(declaration.value), format })
  const { name, type, help } = declaration
  yield familyHead(name, type, help, format)
  for (const row of rows) yield histogramLines({ name, labels: row.text, row, at: valueAt, buckets, format })
}

/** Requests in the row of all others. */
export function othersRequests(rows: readonly Shown[]): number {
  const others = rows.filter(({ labels }) => labels.length > 0 && labels.every((label) => label === other))
  return others.reduce((sum, { values }) => sum + (values[requestsAt] ?? 0), 0)
}

/** Requests that had no value. */
export function valuelessRequests(rows: readonly Shown[]): number {
  return rows.reduce((sum, { values }) => sum + (values[valuelessAt] ?? 0), 0)
}
