import * as units from '@grafana/grafana-foundation-sdk/units'
import { andOn, buckets, complement, type Expr, rate, ratio, series, sum, where } from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import { finish } from './finish.ts'
import { linksFrom } from './link.ts'
import { heatmap, stat, timeSeries } from './panel.ts'
import { bucketRates, chosen, line } from './query.ts'
import {
  failedShare,
  latency,
  latencyOf,
  noRequests,
  outcomeColors,
  percentiles,
  requestRate,
  statusColors,
} from './request.ts'
import { table, topLines, topRows } from './table.ts'

const link = linksFrom('endpoint')
const here = chosen('api', 'endpoint', 'method', 'gateway')
const toEndpoint = link('endpoint', 'Only this endpoint', { api: 'api', endpoint: 'endpoint' })
const toConsumers = link('consumer', 'Who calls the API', { api: 'api' })
const { requestBytes, responseBytes, requestDuration } = recordMetrics

const rows = ['api', 'endpoint'] as const
const busiest = topRows(requestRate(here, ...rows))
const amongBusiest = (of: Expr<'api' | 'endpoint'>) => andOn(of, rows, busiest)

const traffic = stat({
  title: 'Requests per second',
  about: {
    shows: 'Requests to what is chosen above, however they ended.',
    normal: 'What is usual at this hour of the week.',
    act: 'A sudden change: Consumer usage names whose it is.',
  },
  ...{ unit: units.RequestsPerSecond, width: 6, noValue: noRequests },
  queries: [line(requestRate(here), { name: 'requests' })],
})

const success = stat({
  title: 'Success rate',
  about: {
    shows: 'The share of requests that did not fail through the service’s own fault.',
    normal: 'At or above the objective.',
    act: '“By outcome” below says what kind of failure it is.',
  },
  ...{ unit: units.PercentUnit, width: 6, decimals: 3, noValue: noRequests },
  thresholds: [
    [0, 'red'],
    [0.99, 'orange'],
    [0.999, 'green'],
  ],
  queries: [line(complement(failedShare(here)), { name: 'success' })],
})

const median = stat({
  title: 'p50 latency',
  about: {
    shows: 'Half of the requests were faster than this.',
    normal: 'Steady through the day.',
    act: 'Where it rises, everything is slow: see “Where the time goes”.',
  },
  ...{ unit: units.Seconds, width: 6, noValue: noRequests },
  queries: [line(latency(0.5, here), { name: 'p50' })],
})

const tail = stat({
  title: 'p99 latency',
  about: {
    shows: 'One request in a hundred took longer than this.',
    normal: 'Below the bound that you promised.',
    act: '“p99, by endpoint” names the endpoint; a dot in “Latency” is a request with a trace.',
  },
  ...{ unit: units.Seconds, width: 6, noValue: noRequests },
  thresholds: [
    [1, 'orange'],
    [5, 'red'],
  ],
  queries: [line(latency(0.99, here), { name: 'p99' })],
})

const byEndpoint = timeSeries({
  title: 'Requests, by endpoint',
  about: {
    shows: 'The ten endpoints with the most traffic.',
    normal: 'The mix stays the same while the height follows the day.',
    act: 'Click a line to see that endpoint alone, or who calls the API.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noRequests },
  links: [toEndpoint, toConsumers],
  queries: [line(topLines(requestRate(here, ...rows)), { legend: ['api', 'endpoint'] })],
})

const byOutcome = timeSeries({
  title: 'Requests, by outcome',
  about: {
    shows: 'How requests ended, in the gateway’s words.',
    normal: 'Nearly all ok.',
    act: 'upstream_*: see Upstreams and resilience. rate_limited or unauthenticated: see Consumer usage. gateway_error: see the gateway’s log.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noRequests },
  isStacked: true,
  colors: outcomeColors,
  queries: [line(requestRate(here, 'outcome'), { legend: ['outcome'] })],
})

const byStatus = timeSeries({
  title: 'Requests, by status class',
  about: {
    shows: 'How requests were answered. A request that the client gave up counts as 4xx (499).',
    normal: '2xx and 3xx; 4xx that your clients are known for.',
    act: '5xx: see “Failed, by endpoint”.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noRequests },
  isStacked: true,
  colors: statusColors,
  queries: [line(requestRate(here, 'status_class'), { legend: ['status_class'] })],
})

const failed = timeSeries({
  title: 'Failed, by endpoint',
  about: {
    shows: 'The share of each endpoint’s requests that failed; the ten that fail most.',
    normal: 'Below 0.1 %.',
    act: 'One endpoint alone: its code or its data. All endpoints of the API: its upstream.',
  },
  ...{ unit: units.PercentUnit, noValue: noRequests },
  thresholds: [[0.01, 'red']],
  links: [toEndpoint, toConsumers],
  queries: [line(topLines(failedShare(here, ...rows)), { legend: ['api', 'endpoint'] })],
})

const latencies = timeSeries({
  title: 'Latency',
  about: {
    shows: 'From the request’s head to the last byte of the answer. The dots are single requests with a trace.',
    normal: 'Steady; p99 a few times p50.',
    act: 'Click a dot above the lines to open its trace.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  queries: percentiles((q) => latency(q, here)),
})

const byEndpointTail = timeSeries({
  title: 'p99 latency, by endpoint',
  about: {
    shows: 'The ten slowest endpoints.',
    normal: 'Each steady at a height of its own.',
    act: 'Click a line to see that endpoint alone.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  links: [toEndpoint, toConsumers],
  queries: [line(topLines(latency(0.99, here, ...rows)), { legend: ['api', 'endpoint'], exemplars: true })],
})

const spread = heatmap({
  title: 'How latency is spread',
  about: {
    shows: 'How many requests took how long: the darker, the more.',
    normal: 'One band. Two are two kinds of requests, such as cache hits and misses.',
    act: 'A new band above the usual one: open a trace of it.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  queries: [bucketRates(sum(rate(buckets(requestDuration, here)), 'le'))],
})

const parts = timeSeries({
  title: 'Where the time goes (p95)',
  about: {
    shows:
      'What requests took in all, until the upstream’s first byte, and in the gateway itself. Percentiles do not add up.',
    normal: 'The upstream takes nearly all; the gateway stays below 5 ms.',
    act: 'Upstream high: its team. Gateway high: CPU and event loop on Internals. Only the total high: large bodies or slow clients.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  queries: [
    line(latency(0.95, here), { name: 'total', exemplars: true }),
    line(latencyOf('upstream', 0.95, here), { name: 'upstream', exemplars: true }),
    line(latencyOf('gateway', 0.95, here), { name: 'gateway', exemplars: true }),
  ],
})

const bytes = timeSeries({
  title: 'Bytes',
  about: {
    shows: 'Body bytes from and to clients.',
    normal: 'In step with the requests.',
    act: 'Growing without requests growing: answers became larger; see “Answer size”.',
  },
  ...{ unit: units.BytesPerSecondIEC, noValue: noRequests },
  queries: [
    line(sum(rate(series(requestBytes, here))), { name: 'received' }),
    line(sum(rate(series(responseBytes, here))), { name: 'sent' }),
  ],
})

const answerSize = timeSeries({
  title: 'Answer size, by endpoint',
  about: {
    shows: 'Mean bytes of an answer’s body; the ten largest.',
    normal: 'Steady.',
    act: 'A jump after a deployment: a field or a page size changed.',
  },
  ...{ unit: units.BytesIEC, noValue: noRequests },
  links: [toEndpoint],
  queries: [
    line(topLines(ratio(sum(rate(series(responseBytes, here)), ...rows), where(requestRate(here, ...rows), '>', 0))), {
      legend: ['api', 'endpoint'],
    }),
  ],
})

const byGateway = timeSeries({
  title: 'p95 latency, by gateway',
  about: {
    shows: 'The same requests, by the gateway that served them; the ten slowest.',
    normal: 'All alike.',
    act: 'One apart from the others: its machine or its way to the upstream. Take it out of the load balancer.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  links: [link('endpoint', 'Only this gateway', { gateway: 'gateway' })],
  queries: [line(topLines(latency(0.95, here, 'gateway')), { legend: ['gateway'], exemplars: true })],
})

const failedByGateway = timeSeries({
  title: 'Failed, by gateway',
  about: {
    shows: 'The share of failed requests on each gateway; the ten that fail most.',
    normal: 'All alike.',
    act: 'One apart from the others: compare its version and configuration with theirs.',
  },
  ...{ unit: units.PercentUnit, noValue: noRequests },
  links: [link('endpoint', 'Only this gateway', { gateway: 'gateway' })],
  queries: [line(topLines(failedShare(here, 'gateway')), { legend: ['gateway'] })],
})

const endpoints = table({
  title: 'Endpoints',
  about: {
    shows: 'The 50 endpoints with the most traffic now.',
    normal: 'Failed below 0.1 %, p99 below the bound you promised.',
    act: 'Click an endpoint to see it alone.',
  },
  ...{ noValue: noRequests, height: 10, sortBy: 'Requests/s' },
  rows: {
    api: {
      title: 'API',
      links: [
        link('endpoint', 'Only this API', { api: 'api' }),
        link('slo', 'Its objective and error budget', { api: 'api' }),
      ],
    },
    endpoint: { title: 'Endpoint', links: [toEndpoint] },
  },
  columns: [
    { title: 'Requests/s', unit: units.RequestsPerSecond, expr: busiest },
    {
      ...{ title: 'Failed', unit: units.PercentUnit, decimals: 2 },
      thresholds: [
        [0.001, 'orange'],
        [0.01, 'red'],
      ],
      expr: amongBusiest(failedShare(here, ...rows)),
    },
    { title: 'p50', unit: units.Seconds, expr: amongBusiest(latency(0.5, here, ...rows)) },
    {
      title: 'p99',
      unit: units.Seconds,
      thresholds: [
        [1, 'orange'],
        [5, 'red'],
      ],
      expr: amongBusiest(latency(0.99, here, ...rows)),
    },
  ],
})

export const endpoint = finish({
  place: 'endpoint',
  description: 'One API, one endpoint, one method or one gateway: what is wrong with it, and since when.',
  ...{ from: 'now-3h', refresh: '30s' },
  rows: [
    { title: 'Now', panels: [traffic, success, median, tail] },
    { title: 'Requests', panels: [byEndpoint, byOutcome, byStatus, failed] },
    { title: 'Latency', panels: [latencies, byEndpointTail, spread, parts] },
    { title: 'Endpoints', panels: [endpoints] },
    { title: 'By gateway', panels: [byGateway, failedByGateway] },
    { title: 'Bytes', panels: [bytes, answerSize] },
  ],
})
