import {
  buckets,
  type Expr,
  minus,
  observed,
  rate,
  ratio,
  recorded,
  type Selector,
  series,
  sum,
  sumOverTime,
  where,
} from './promql.ts'
import { recordMetrics } from './records.ts'

/** Windows of every ratio: the pairs of burn rates (1h with 5m, 6h with 30m, 1d with 2h, 3d with 6h), and the month of the budget. */
export const sloWindows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d', '30d'] as const
export type SloWindow = (typeof sloWindows)[number]

/** What a recording rule makes, declared once: `alerts/` writes the rule, alerts and dashboards read the series. */
export interface Recorded<L extends string = string> {
  readonly name: `penstock:${string}`
  readonly help: string
  /** All labels of the result. */
  readonly labels: readonly L[]
  readonly expr: Expr
  /** Those of the labels that the rule itself adds. */
  readonly fixed?: Readonly<Partial<Record<L, string>>>
}

const api = ['api'] as const
const apiAndBound = ['api', 'bound'] as const

/** Requests per second that count for the success ratio: a client that hung up says nothing about the service. */
export const requestsRate: Recorded<'api'> = {
  name: 'penstock:requests:rate5m',
  help: 'Requests per second that ended as ok, refused or failed: all but those that the client gave up',
  labels: api,
  expr: sum(rate(series(recordMetrics.requests, { outcome: ['!=', 'client_aborted'] }), '5m'), 'api'),
}

/** Requests per second that failed through the service's own fault. */
export const failedRate: Recorded<'api'> = {
  name: 'penstock:failed_requests:rate5m',
  help: 'Requests per second that failed through the service’s own fault',
  labels: api,
  expr: sum(rate(series(recordMetrics.failedRequests), '5m'), 'api'),
}

/** Share of failed among counted requests, 0 to 1. It has no value while there was no request. */
export function failedRatio(window: SloWindow): Recorded<'api'> {
  return {
    name: `penstock:failed_requests:ratio_rate${window}`,
    help: `Share of the requests of ${window} that failed`,
    labels: api,
    expr: shareOf(recorded(failedRate), recorded(requestsRate), window),
  }
}

const answered = { status_class: ['!=', '5xx'] } as const

/** Answers per second that count for latency: a failure is none the better for being fast. */
export const answersRate: Recorded<'api'> = {
  name: 'penstock:answered_requests:rate5m',
  help: 'Requests per second that were answered without a server error, for shares of latency',
  labels: api,
  expr: sum(rate(observed('count', recordMetrics.requestDuration, answered), '5m'), 'api'),
}

/** Answers per second that took longer than a bound in seconds, which is one of the histogram's. */
export function slowRate(boundSeconds: number): Recorded<'api' | 'bound'> {
  const within = buckets(recordMetrics.requestDuration, { ...answered, le: ['=~', bucketPattern(boundSeconds)] })
  return {
    name: 'penstock:slow_requests:rate5m',
    help: 'Requests per second that were answered, but slower than `bound` in seconds',
    labels: apiAndBound,
    expr: minus(recorded(answersRate), sum(rate(within, '5m'), 'api')),
    fixed: { bound: String(boundSeconds) },
  }
}

/** Share of slow among answered requests, 0 to 1. It has no value while there was no request. */
export function slowRatio(boundSeconds: number, window: SloWindow): Recorded<'api' | 'bound'> {
  const bound = String(boundSeconds)
  return {
    name: `penstock:slow_requests:ratio_rate${window}`,
    help: `Share of the requests answered within ${window} that took longer than \`bound\` in seconds`,
    labels: apiAndBound,
    expr: shareOf(recorded(slowRate(boundSeconds), { bound }), recorded(answersRate), window),
    fixed: { bound },
  }
}

/** How a histogram's bound reads as `le`: Prometheus 3 writes 1 as 1.0. */
function bucketPattern(bound: number): string {
  const text = String(bound).replace('.', '\\.')
  return Number.isInteger(bound) ? `${text}(\\.0)?` : text
}

/** Of sums of the 5m rates: weighted by traffic, cheap over a month, and right where the series are younger than the window. */
function shareOf<L extends string>(part: Selector<L | 'api'>, whole: Selector<'api'>, window: SloWindow): Expr<'api'> {
  const parts = sum(window === '5m' ? part : sumOverTime(part, window), 'api')
  const wholes = sum(window === '5m' ? whole : sumOverTime(whole, window), 'api')
  return ratio(parts, where(wholes, '>', 0))
}
