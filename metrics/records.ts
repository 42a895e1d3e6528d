import { metric } from './metric.ts'

/** Latencies that alerts and dashboards promise, in seconds: each is a bucket's bound, so that its share is exact. */
export const latencyObjectives = [0.3, 1] as const

/** 12 buckets: enough for a quantile within a factor of two from 5 ms to 10 s, few enough for thousands of endpoints. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10] as const

/** The gateway's own time is far below an upstream's. */
export const gatewayBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1] as const

/** What one endpoint on one gateway is known by. The shard is that of the log, so that a shard's new owner continues the same series. */
const endpoint = ['shard', 'api', 'endpoint', 'method', 'gateway'] as const
const group = ['shard', 'group'] as const

/**
 * What records become in Prometheus. Every metric of requests sums up to the same total at every scrape: what has no place
 * within the series budget is counted under `__other__`.
 */
export const recordMetrics = {
  requests: metric({
    name: 'penstock_requests_total',
    type: 'counter',
    help: 'Requests, by how they ended',
    labels: [...endpoint, 'status_class', 'outcome'],
  }),
  failedRequests: metric({
    name: 'penstock_failed_requests_total',
    type: 'counter',
    help: 'Requests that failed through the service’s own fault',
    labels: endpoint,
  }),
  requestBytes: metric({
    name: 'penstock_request_bytes_total',
    type: 'counter',
    help: 'Body bytes received from clients',
    labels: endpoint,
  }),
  responseBytes: metric({
    name: 'penstock_response_bytes_total',
    type: 'counter',
    help: 'Body bytes sent to clients',
    labels: endpoint,
  }),
  requestDuration: metric({
    name: 'penstock_request_duration_seconds',
    type: 'histogram',
    help: 'From the request’s head to the answer’s last byte',
    labels: [...endpoint, 'status_class'],
    buckets: durationBuckets,
  }),
  upstreamDuration: metric({
    name: 'penstock_upstream_duration_seconds',
    type: 'histogram',
    help: 'From sending to the upstream’s first byte, of requests that an upstream was asked for',
    labels: endpoint,
    buckets: durationBuckets,
  }),
  gatewayDuration: metric({
    name: 'penstock_gateway_duration_seconds',
    type: 'histogram',
    help: 'Spent in the gateway itself, without waiting for upstream and bodies',
    labels: endpoint,
    buckets: gatewayBuckets,
  }),
  consumerRequests: metric({
    name: 'penstock_consumer_requests_total',
    type: 'counter',
    help: 'Requests, by who made them; consumers without a series of their own are counted under __other__',
    labels: ['shard', 'api', 'team', 'consumer', 'status_class'],
  }),
  consumerRefused: metric({
    name: 'penstock_consumer_refused_requests_total',
    type: 'counter',
    help: 'Of these, the ones that the gateway refused: unauthenticated, forbidden, rate_limited or quota_exceeded',
    labels: ['shard', 'api', 'team', 'consumer', 'outcome'],
  }),
  series: metric({
    name: 'penstock_series',
    type: 'gauge',
    help: 'Series that records have become: endpoints, consumers, or a declared metric',
    labels: group,
  }),
  seriesBudget: metric({
    name: 'penstock_series_budget',
    type: 'gauge',
    help: 'Series that the group may have; what is new beyond it is counted under __other__',
    labels: group,
  }),
  collapsedRequests: metric({
    name: 'penstock_series_collapsed_requests_total',
    type: 'counter',
    help: 'Requests counted under __other__ for want of a series of their own',
    labels: group,
  }),
  valuelessRequests: metric({
    name: 'penstock_series_valueless_requests_total',
    type: 'counter',
    help: 'Requests that a declared metric passed over, because they lack a value that it could count',
    labels: group,
  }),
}
