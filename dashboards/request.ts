/** What several dashboards ask of requests, as expressions over the catalogue. */
import { buckets, type Expr, type Matches, quantile, rate, ratio, series, sum, where } from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import { line, type Query } from './query.ts'

const { requests, failedRequests, requestDuration, upstreamDuration, gatewayDuration } = recordMetrics

type RequestLabel = (typeof requests.labels)[number]
type EndpointLabel = (typeof failedRequests.labels)[number]
type DurationLabel = (typeof requestDuration.labels)[number]

/** Requests per second. */
export function requestRate<By extends RequestLabel = never>(
  matches: Matches<RequestLabel>,
  ...by: readonly By[]
): Expr<By> {
  return sum(rate(series(requests, matches)), ...by)
}

/** Requests per second that count for the success ratio. */
function countedRate<By extends EndpointLabel = never>(
  matches: Matches<EndpointLabel>,
  ...by: readonly By[]
): Expr<By> {
  const counted: Matches<RequestLabel> = { ...matches, outcome: ['!=', 'client_aborted'] }
  return sum(rate(series(requests, counted)), ...by)
}

/** Share of requests that failed; without a value while there is none. */
export function failedShare<By extends EndpointLabel = never>(
  matches: Matches<EndpointLabel>,
  ...by: readonly By[]
): Expr<By> {
  const failed = sum(rate(series(failedRequests, matches)), ...by)
  return ratio(failed, where(countedRate(matches, ...by), '>', 0))
}

/** Outcomes with which the gateway refuses what a client may not have. */
export const refusals = 'unauthenticated|forbidden|rate_limited|quota_exceeded'

/** A percentile of the time from a request's head to its answer's last byte, seconds. */
export function latency<By extends DurationLabel = never>(
  q: number,
  matches: Matches<DurationLabel>,
  ...by: readonly By[]
): Expr<By> {
  return quantile<DurationLabel | 'le' | 'job' | 'instance', By>(
    q,
    buckets(requestDuration, matches),
    '$__rate_interval',
    ...by,
  )
}

/** A percentile of the time that the upstream, or the gateway itself, took. */
export function latencyOf<By extends EndpointLabel = never>(
  part: 'upstream' | 'gateway',
  q: number,
  matches: Matches<EndpointLabel>,
  ...by: readonly By[]
): Expr<By> {
  const metric = part === 'upstream' ? upstreamDuration : gatewayDuration
  return quantile<EndpointLabel | 'le' | 'job' | 'instance', By>(q, buckets(metric, matches), '$__rate_interval', ...by)
}

/** The percentiles that are looked at together. */
export function percentiles(of: (q: number) => Expr<never>): Query<never>[] {
  return [0.5, 0.95, 0.99].map((q) => line(of(q), { name: `p${q * 100}`, exemplars: true }))
}

/** Colours of status classes and outcomes: the same on every panel. */
export const statusColors = { '1xx': 'blue', '2xx': 'green', '3xx': 'light-blue', '4xx': 'yellow', '5xx': 'red' }
export const outcomeColors = {
  ok: 'green',
  client_error: 'yellow',
  unauthenticated: 'light-orange',
  forbidden: 'orange',
  rate_limited: 'light-purple',
  quota_exceeded: 'purple',
  upstream_error: 'red',
  upstream_timeout: 'dark-red',
  upstream_unreachable: 'semi-dark-red',
  gateway_error: 'light-red',
  client_aborted: 'text',
}

/** What panels say that wait for records. */
export const noRequests = 'No requests here. The pump’s sink of type prometheus fills this'
