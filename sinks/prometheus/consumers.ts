import { Packr } from 'msgpackr'
import { recordMetrics } from '../../metrics/records.ts'
import type { RequestRecord } from '../../record/fields.ts'
import type { Outcome } from '../../record/outcome.ts'
import { type ExpositionFormat, familyHead } from '../../runtime/exposition.ts'
import { entry, type Group } from './group.ts'
import { HeavyHitters } from './heavy-hitters.ts'
import { add } from './histogram.ts'
import { line, other } from './page.ts'
import type { Row, Shown } from './row.ts'
import { SeriesTable } from './series-table.ts'
import { classOf, statusClasses } from './traffic.ts'

export interface ConsumersOptions {
  /** Consumers that may have series of their own. */
  readonly consumers: number
  readonly maxSeries: number
  readonly idleMs: number
}

/** Of the places for consumers: filled by whoever comes first; the others are kept for those that turn out heavy. */
const firstComers = 0.5
/** New label sets are shown by themselves up to this share of the budget; the rest is kept for new status classes of those that are shown. */
const shares = { consumer: 0.6, team: 0.8, api: 0.95 }
const heavyKey = 'h'
/** What a consumer is refused for. New ones come last, so that the others keep their places. */
const refusals = [
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'quota_exceeded',
] as const satisfies readonly Outcome[]
const placeOfRefusal: ReadonlyMap<string, number> = new Map(
  refusals.map((name, place) => [name, statusClasses.length + place]),
)
/** The numbers of a row: requests by status class, then refused ones by outcome. */
const plain = statusClasses.length + refusals.length
const packr = new Packr({ useRecords: false, moreTypes: false })

/** The rows of a consumer on an api: the first one, and by team those of other teams. */
interface Known {
  readonly row: Row
  byTeam: Map<string, Row> | undefined
}

type Labels = readonly [api: string, team: string, consumer: string]

/**
 * Requests by consumer on one shard. A consumer that has a series keeps it until it is idle; one that gets it starts at 0,
 * and its past stays in `__other__`: no counter ever falls, and their sum is the total.
 */
export class Consumers implements Group {
  readonly table: SeriesTable
  readonly #places: number
  /** By consumer and api: rows of their own, and those of `__other__`. */
  #known = new Map<string, Map<string, Known>>()
  #heavy: HeavyHitters
  #sealedHeavy: HeavyHitters
  /** Requests of the block on its way by consumers without a series of their own. */
  #unnamed = new Map<string, number>()

  constructor(shard: string, { consumers, maxSeries, idleMs }: ConsumersOptions) {
    this.#places = consumers
    this.#heavy = new HeavyHitters(2 * consumers)
    this.#sealedHeavy = this.#heavy
    this.table = new SeriesTable({
      shard,
      prefix: 'c',
      labelNames: ['api', 'team', 'consumer'],
      bundledBy: 2,
      layout: { plain, histograms: [] },
      seriesOf: (values) => values.reduce((series, value) => (value ? series + 1 : series), 0),
      maxSeries,
      reservedSeries: plain,
      idleMs,
      exemplars: false,
    })
  }

  add(record: RequestRecord): void {
    const { api, team, consumer, weight, status, outcome } = record
    const known = this.#known.get(consumer)?.get(api)
    // A consumer belongs to one team, so that comparing is enough for nearly all.
    const row = (known?.row.labels[1] === team ? known.row : known?.byTeam?.get(team)) ?? this.#find(record)
    this.#countOrCollapse(row, classOf(status), weight)
    const refusedAt = outcome === 'ok' ? undefined : placeOfRefusal.get(outcome)
    if (refusedAt !== undefined) this.#countOrCollapse(row, refusedAt, weight)
  }

  forget(): void {
    this.#known = new Map()
    for (const row of this.table.rows()) this.#know(row)
  }

  seal(state: Map<string, Uint8Array>): void {
    if (this.#unnamed.size === 0) return
    this.#sealedHeavy = this.#heavy.with(this.#unnamed)
    state.set(heavyKey, packr.pack(this.#sealedHeavy.toSaved()))
  }

  settle(): void {
    this.#heavy = this.#sealedHeavy
    this.#unnamed = new Map()
  }

  discard(): void {
    this.#sealedHeavy = this.#heavy
    this.#unnamed = new Map()
  }

  restore(state: ReadonlyMap<string, Uint8Array>): string[] {
    const saved = state.get(heavyKey)
    if (!saved) return []
    this.#heavy = HeavyHitters.fromSaved(2 * this.#places, packr.unpack(saved))
    this.#sealedHeavy = this.#heavy
    return [heavyKey]
  }

  #find({ api, team, consumer, weight }: RequestRecord): Row {
    const isNamed = this.#known.has(consumer)
    if (isNamed || consumer === '' || this.#hasPlace(consumer)) {
      const row = this.#row([api, team, consumer], shares.consumer)
      if (row) return row
    }
    if (!isNamed && consumer !== '') this.#unnamed.set(consumer, (this.#unnamed.get(consumer) ?? 0) + weight)
    const ofTeam = team === consumer ? undefined : this.#row([api, team, other], shares.team)
    return ofTeam ?? this.#row([api, other, other], shares.api) ?? this.#last()
  }

  #hasPlace(consumer: string): boolean {
    const named = this.#known.size - Number(this.#known.has('')) - Number(this.#known.has(other))
    if (named < this.#places * firstComers) return true
    return named < this.#places && this.#heavy.isHeavy(consumer, 1 / this.#places)
  }

  #last(): Row {
    return this.#row([other, other, other], Number.POSITIVE_INFINITY) as Row // there is always room
  }

  #row(labels: Labels, share: number): Row | undefined {
    const found = this.table.find(labels)
    if (found || !this.table.hasRoom(1, share)) return found
    return this.#know(this.table.add(labels))
  }

  #know(row: Row): Row {
    const [api, team, consumer] = row.labels as Labels // as `#row` adds them
    const ofConsumer = entry(this.#known, consumer)
    const known = ofConsumer.get(api)
    if (!known) ofConsumer.set(api, { row, byTeam: undefined })
    else {
      known.byTeam ??= new Map()
      known.byTeam.set(team, row)
    }
    return row
  }

  #countOrCollapse(row: Row, at: number, weight: number): void {
    if (!this.#count(row, at, weight, 1)) this.#count(this.#last(), at, weight, Number.POSITIVE_INFINITY)
  }

  /** False where the row would be shown as one more series and that does not fit. */
  #count(row: Row, at: number, weight: number, share: number): boolean {
    const values = row.draft ?? this.table.begin(row)
    if (!values[at]) {
      if (!this.table.hasRoom(1, share)) return false
      this.table.series++
    }
    add(values, at, weight)
    return true
  }
}

/** Writes the metrics of all shards' rows. */
export function* consumerLines(rows: readonly Shown[], format: ExpositionFormat): Generator<string> {
  const { consumerRequests, consumerRefused } = recordMetrics
  for (const [{ name, type, help }, label, values, from] of [
    [consumerRequests, 'status_class', statusClasses, 0],
    [consumerRefused, 'outcome', refusals, statusClasses.length],
  ] as const) {
    yield familyHead(name, type, help, format)
    for (const row of rows) {
      let lines = ''
      for (const [at, value] of values.entries()) {
        const count = row.values[from + at] ?? 0
        if (count > 0) lines += line(name, `${row.text},${label}="${value}"`, count)
      }
      yield lines
    }
  }
}

/** Requests of consumers that have no series of their own. */
export function unnamedRequests(rows: readonly Shown[]): number {
  let requests = 0
  for (const { labels, values } of rows) {
    if (labels[2] !== other) continue
    for (const at of statusClasses.keys()) requests += values[at] ?? 0
  }
  return requests
}
