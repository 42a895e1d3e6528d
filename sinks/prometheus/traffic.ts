import { METHODS } from 'node:http'
import { recordMetrics } from '../../metrics/records.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { isFailed, outcomes, type StatusClass } from '../../record/outcome.ts'
import { type ExpositionFormat, familyHead } from '../../runtime/exposition.ts'
import { entry, type Group } from './group.ts'
import { add, type Buckets, countOf, observe, seriesOf, slotsOf } from './histogram.ts'
import { counterLines, histogramLines, line, other } from './page.ts'
import { detached, exemplify, type Row, type Shown } from './row.ts'
import { SeriesTable } from './series-table.ts'

export const statusClasses: readonly StatusClass[] = ['1xx', '2xx', '3xx', '4xx', '5xx']

/** Place of a status among the classes; as `statusClass`, what is no HTTP status counts as 5xx. */
export function classOf(status: number): number {
  const place = Math.floor(status / 100) - 1
  return place >= 0 && place < statusClasses.length ? place : statusClasses.length - 1
}

/** Ways to end: the outcomes, behind one for those that a newer gateway may know. New ones come last, so that the others keep their places. */
const endings: readonly string[] = [other, ...outcomes]
const placeOfOutcome: ReadonlyMap<string, number> = new Map(endings.map((name, place) => [name, place]))
const okPlace = endings.indexOf('ok')

/*
  The numbers of an endpoint on a gateway: failed, bytes in, bytes out, then requests by outcome and, within it, status
  class; then the histograms of upstream, gateway, and total by status class.
*/
const failedAt = 0
const bytesInAt = 1
const bytesOutAt = 2
const requestsAt = 3
const plain = requestsAt + endings.length * statusClasses.length

/**
 * A new endpoint is shown by itself up to this share of the budget; the rest is kept for the outcomes and status classes that
 * an outage brings to the endpoints that are shown already. Beyond, it is counted with the others of its api, and then of its gateway.
 */
const shares = { endpoint: 0.6, api: 0.8, gateway: 0.95 }

/** Look-ups that are kept: more than the budget can show. A stream of ever new names begins them anew. */
const maxKnown = 30_000

const methodsOfRoutes: ReadonlySet<string> = new Set(METHODS)
/** Where no route matched, methods that only somebody who tries doors would use have no series of their own. */
const methodsOfAnybody: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const unmatched = '{unmatched}'

/** What a record's labels and ending lead to. */
interface Place {
  readonly row: Row
  readonly requestsAt: number
  readonly durationAt: number
  readonly failed: boolean
}

/** Where the records of a method lead, by ending and status class. */
interface OfMethod {
  readonly method: string
  readonly places: (Place | undefined)[]
}

/** By endpoint; methods are few, and one unless no route matched. */
type OfApi = Map<string, readonly OfMethod[]>

type Labels = readonly [api: string, endpoint: string, method: string, gateway: string]

export interface TrafficOptions {
  readonly durations: Buckets
  readonly gateway: Buckets
  readonly maxSeries: number
  readonly idleMs: number
}

/** Where the histograms stand in the numbers, and what a row is shown as. */
function layOut({ durations, gateway }: TrafficOptions) {
  const upstreamAt = plain
  const gatewayAt = upstreamAt + slotsOf(durations)
  const totalAt = gatewayAt + slotsOf(gateway)
  return {
    upstreamAt,
    gatewayAt,
    totalAt,
    /** The histogram of a status class. */
    durationAt: (status: number) => totalAt + status * slotsOf(durations),
    histograms: [durations.bounds, gateway.bounds, ...statusClasses.map(() => durations.bounds)],
    /** Failures, bytes, upstream and gateway, which every row has. */
    rowSeries: 3 + seriesOf(durations) + seriesOf(gateway),
  }
}

/** Series that the last resort of all endpoints may take: they are kept for it. */
export function reservedSeries(options: TrafficOptions): number {
  const byEnding = endings.length * statusClasses.length
  return layOut(options).rowSeries + byEnding + statusClasses.length * seriesOf(options.durations)
}

/** How requests went on one shard, by endpoint and gateway. */
export class Traffic implements Group {
  readonly table: SeriesTable
  readonly #options: TrafficOptions
  readonly #layout: ReturnType<typeof layOut>
  /** By gateway, api and endpoint. */
  #known = new Map<string, Map<string, OfApi>>()
  #knownCount = 0
  #lastGateway: string | undefined
  #ofLastGateway = new Map<string, OfApi>()

  constructor(shard: string, options: TrafficOptions) {
    this.#options = options
    this.#layout = layOut(options)
    const { histograms } = this.#layout
    this.table = new SeriesTable({
      shard,
      prefix: 't',
      labelNames: ['api', 'endpoint', 'method', 'gateway'],
      layout: { plain, histograms },
      seriesOf: (values) => this.#seriesOf(values),
      maxSeries: options.maxSeries,
      reservedSeries: reservedSeries(options),
      idleMs: options.idleMs,
      exemplars: true,
    })
  }

  add(record: RequestRecord): void {
    const { weight, upstreamUs } = record
    const { durations, gateway } = this.#options
    const place = this.#placeOf(record)
    const { row } = place
    const values = row.draft ?? this.table.begin(row)
    add(values, place.requestsAt, weight)
    if (place.failed) add(values, failedAt, weight)
    add(values, bytesInAt, record.bytesIn * weight)
    add(values, bytesOutAt, record.bytesOut * weight)
    const { totalUs, gatewayUs } = record
    const inTotal = observe(values, place.durationAt, durations.bounds, totalUs, weight)
    const inGateway = observe(values, this.#layout.gatewayAt, gateway.bounds, gatewayUs, weight)
    if (row.draftExemplars)
      exemplify(row, record, [
        [inTotal, totalUs],
        [inGateway, gatewayUs],
      ])
    if (record.tries === 0 && upstreamUs === 0) return
    const inUpstream = observe(values, this.#layout.upstreamAt, durations.bounds, upstreamUs, weight)
    if (row.draftExemplars) exemplify(row, record, [[inUpstream, upstreamUs]])
  }

  forget(): void {
    this.#known = new Map()
    this.#knownCount = 0
    this.#lastGateway = undefined
  }

  #placeOf(record: RequestRecord): Place {
    // A path that no route matched is anybody's to invent: it never becomes a label, whoever made the record.
    const endpoint = record.route === '' ? unmatched : record.endpoint
    const { method, places } = this.#methodOf(record, endpoint)
    const status = classOf(record.status)
    const ending = record.outcome === 'ok' ? okPlace : (placeOfOutcome.get(record.outcome) ?? 0)
    const at = ending * statusClasses.length + status
    const known = places[at]
    if (known) return known
    const found = this.#find(record, [record.api, endpoint, method, record.gateway], at)
    places[at] = found
    return found
  }

  #methodOf({ gateway, api, method }: Pick<RequestRecord, 'gateway' | 'api' | 'method'>, endpoint: string): OfMethod {
    if (this.#knownCount >= maxKnown) this.forget()
    // Records come in frames, and a frame from one gateway: comparing is cheaper than looking up.
    if (gateway !== this.#lastGateway) {
      this.#lastGateway = gateway
      this.#ofLastGateway = this.#known.get(gateway) ?? entry(this.#known, detached(gateway))
    }
    const methods = this.#ofLastGateway.get(api)?.get(endpoint) ?? []
    for (const known of methods) if (known.method === method) return known
    const allowed = endpoint === unmatched ? methodsOfAnybody : methodsOfRoutes
    if (!allowed.has(method) && method !== other) return this.#methodOf({ gateway, api, method: other }, endpoint)
    const learnt: OfMethod = { method: detached(method), places: [] }
    entry(this.#ofLastGateway, detached(api)).set(detached(endpoint), [...methods, learnt])
    this.#knownCount++
    return learnt
  }

  #find(record: RequestRecord, [api, endpoint, method, gateway]: Labels, ending: number): Place {
    const row =
      this.#row([api, endpoint, method, gateway], shares.endpoint) ??
      this.#row([api, other, other, gateway], shares.api) ??
      this.#row([other, other, other, gateway], shares.gateway)
    const requests = requestsAt + ending
    const durationAt = this.#layout.durationAt(ending % statusClasses.length)
    const failed = isFailed(record) // every record with this outcome and status class is alike in it
    if (row && this.#charge(row, requests, durationAt, 1)) return { row, requestsAt: requests, durationAt, failed }
    const last = this.#row([other, other, other, other], Number.POSITIVE_INFINITY) as Row // there is always room
    this.#charge(last, requests, durationAt, Number.POSITIVE_INFINITY)
    return { row: last, requestsAt: requests, durationAt, failed }
  }

  #row(labels: readonly string[], share: number): Row | undefined {
    const found = this.table.find(labels)
    if (found) return found
    const firstRecord = 1 + seriesOf(this.#options.durations)
    if (!this.table.hasRoom(this.#layout.rowSeries + firstRecord, share)) return undefined
    this.table.series += this.#layout.rowSeries
    return this.table.add(labels)
  }

  /** Counts the series that the row's numbers will newly be shown as; false where they do not fit. */
  #charge(row: Row, requests: number, durationAt: number, share: number): boolean {
    const values = row.draft ?? row.values
    const { durations } = this.#options
    const isNewDuration = !values || countOf(values, durationAt, durations) === 0
    const series = (values?.[requests] ? 0 : 1) + (isNewDuration ? seriesOf(durations) : 0)
    if (series > 0 && !this.table.hasRoom(series, share)) return false
    this.table.series += series
    return true
  }

  #seriesOf(values: readonly number[]): number {
    const { durations } = this.#options
    let series = this.#layout.rowSeries
    for (let at = requestsAt; at < plain; at++) if (values[at]) series++
    for (const status of statusClasses.keys()) {
      if (countOf(values, this.#layout.durationAt(status), durations) > 0) series += seriesOf(durations)
    }
    return series
  }
}

/** Writes the metrics of all shards' rows. */
export function* trafficLines(
  rows: readonly Shown[],
  options: TrafficOptions,
  format: ExpositionFormat,
): Generator<string> {
  const { requests, failedRequests, requestBytes, responseBytes } = recordMetrics
  const { requestDuration, upstreamDuration, gatewayDuration } = recordMetrics
  const { durations, gateway } = options
  const { upstreamAt, gatewayAt, durationAt } = layOut(options)
  yield familyHead(requests.name, requests.type, requests.help, format)
  for (const { text, values } of rows) yield requestLines(text, values)
  yield* counterLines(failedRequests, rows, { at: failedAt, format })
  yield* counterLines(requestBytes, rows, { at: bytesInAt, format })
  yield* counterLines(responseBytes, rows, { at: bytesOutAt, format })
  yield familyHead(requestDuration.name, requestDuration.type, requestDuration.help, format)
  for (const row of rows) {
    for (const [status, name] of statusClasses.entries()) {
      const at = durationAt(status)
      if (countOf(row.values, at, durations) === 0) continue
      const labels = `${row.text},status_class="${name}"`
      yield histogramLines({ name: requestDuration.name, labels, row, at, buckets: durations, format })
    }
  }
  for (const [{ name, type, help }, at, buckets] of [
    [upstreamDuration, upstreamAt, durations],
    [gatewayDuration, gatewayAt, gateway],
  ] as const) {
    yield familyHead(name, type, help, format)
    for (const row of rows) yield histogramLines({ name, labels: row.text, row, at, buckets, format })
  }
}

function requestLines(text: string, values: readonly number[]): string {
  let lines = ''
  for (const [ending, outcome] of endings.entries()) {
    for (const [status, name] of statusClasses.entries()) {
      const value = values[requestsAt + ending * statusClasses.length + status] ?? 0
      if (value === 0) continue
      lines += line(recordMetrics.requests.name, `${text},status_class="${name}",outcome="${outcome}"`, value)
    }
  }
  return lines
}

/** Requests of an endpoint's row that were counted under another name than their own. */
export function collapsedRequests(rows: readonly Shown[]): number {
  let requests = 0
  for (const { labels, values } of rows) {
    if (labels[1] !== other) continue
    for (let at = requestsAt; at < plain; at++) requests += values[at] ?? 0
  }
  return requests
}
