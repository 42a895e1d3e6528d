import * as units from '@grafana/grafana-foundation-sdk/units'
import { recorderMetrics } from '../metrics/gateway.ts'
import {
  absolute,
  andOn,
  avg,
  complement,
  count,
  type Expr,
  increase,
  max,
  orZero,
  rate,
  series,
  sum,
  where,
} from '../metrics/promql.ts'
import { pumpMetrics } from '../metrics/pump.ts'
import { recordMetrics } from '../metrics/records.ts'
import { finish } from './finish.ts'
import { linksFrom } from './link.ts'
import { stat, timeSeries } from './panel.ts'
import { noProcesses, processesUp } from './process.ts'
import { chosen, line } from './query.ts'
import {
  failedShare,
  latency,
  noRequests,
  outcomeColors,
  percentiles,
  refusals,
  requestRate,
  statusColors,
} from './request.ts'
import { table, topLines, topRows } from './table.ts'

const link = linksFrom('overview')
const here = chosen('api', 'gateway')
const toApi = link('endpoint', 'Open the API', { api: 'api' })
const toSlo = link('slo', 'Its objective and error budget', { api: 'api' })
const { requests } = recordMetrics

/** Of these APIs, the ones that the table has. */
const amongBusiest = (of: Expr<'api'>): Expr<'api'> => andOn(of, ['api'], topRows(requestRate(here, 'api')))

const success = stat({
  title: 'Success rate',
  about: {
    shows:
      'The share of requests that did not fail. A failure is the service’s own fault: 5xx, timeouts, unreachable upstreams. What clients did wrong or gave up is not one.',
    normal: 'At or above your objective, 99.9 % unless you promised otherwise.',
    act: 'Find the API under “Failed, by API”, open it, and look at its outcomes: they name the culprit.',
  },
  unit: units.PercentUnit,
  decimals: 3,
  noValue: noRequests,
  thresholds: [
    [0, 'red'],
    [0.99, 'orange'],
    [0.999, 'green'],
  ],
  queries: [line(complement(failedShare(here)), { name: 'success' })],
})

const traffic = stat({
  title: 'Requests per second',
  about: {
    shows: 'Requests that ended, however they did.',
    normal: 'What is usual at this hour of the week.',
    act: 'A sudden drop: see whether clients reach the gateways (in flight, on Internals). A sudden rise: Consumer usage names who.',
  },
  unit: units.RequestsPerSecond,
  noValue: noRequests,
  queries: [line(requestRate(here), { name: 'requests' })],
})

const slowest = stat({
  title: 'p99 latency',
  about: {
    shows: 'One request in a hundred took longer than this, from its head to the last byte of the answer.',
    normal: 'Below the bound that you promised, and steady.',
    act: 'Open the API that is slow in the table below: its page says whether upstream or gateway takes the time.',
  },
  unit: units.Seconds,
  noValue: noRequests,
  thresholds: [
    [1, 'orange'],
    [5, 'red'],
  ],
  queries: [line(latency(0.99, here), { name: 'p99' })],
})

const refused = stat({
  title: 'Refused per second',
  about: {
    shows: 'Requests that the gateway turned away: no or a wrong key, no right, too many.',
    normal: 'A few percent of the traffic.',
    act: 'Consumer usage shows whose requests are refused, and why.',
  },
  unit: units.RequestsPerSecond,
  noValue: noRequests,
  queries: [
    line(orZero(sum(rate(series(requests, { ...here, outcome: ['=~', refusals] }))), requestRate(here)), {
      name: 'refused',
    }),
  ],
})

const failing = stat({
  title: 'APIs above 1 % failed',
  about: {
    shows: 'How many APIs fail more than one request in a hundred.',
    normal: '0.',
    act: 'They stand first in the table of APIs, sorted by “Failed”.',
  },
  unit: units.NoUnit,
  noValue: noRequests,
  thresholds: [[1, 'red']],
  queries: [
    line(orZero(count(where(failedShare(here, 'api'), '>', 0.01)), count(requestRate(here, 'api'))), { name: 'APIs' }),
  ],
})

const up = stat({
  title: 'Processes up',
  about: {
    shows: 'The share of Penstock’s processes that Prometheus could scrape.',
    normal: '100 %.',
    act: 'Upstreams and resilience lists every process with its state and uptime.',
  },
  unit: units.PercentUnit,
  noValue: noProcesses,
  thresholds: [
    [0, 'red'],
    [1, 'green'],
  ],
  queries: [line(avg(processesUp), { name: 'up' })],
})

const byStatus = timeSeries({
  title: 'Requests, by status class',
  about: {
    shows: 'Traffic, and how it was answered.',
    normal: 'A band of 2xx that follows the day, with thin 4xx and next to no 5xx.',
    act: 'A growing 5xx band: see “Failed, by API”. A growing 4xx band: see Consumer usage.',
  },
  unit: units.RequestsPerSecond,
  noValue: noRequests,
  isStacked: true,
  colors: statusColors,
  queries: [line(requestRate(here, 'status_class'), { legend: ['status_class'] })],
})

const byOutcome = timeSeries({
  title: 'Requests that were not ok, by outcome',
  about: {
    shows:
      'Why requests ended otherwise than well. Upstream outcomes are failures, refusals and client errors are not.',
    normal: 'Some client_error and rate_limited; upstream outcomes near zero.',
    act: 'upstream_error: the upstream’s own logs. upstream_timeout or upstream_unreachable: Upstreams and resilience. unauthenticated: a key expired or was revoked.',
  },
  unit: units.RequestsPerSecond,
  noValue: 'All requests here were ok',
  colors: outcomeColors,
  queries: [line(sum(rate(series(requests, { ...here, outcome: ['!=', 'ok'] })), 'outcome'), { legend: ['outcome'] })],
})

const failedByApi = timeSeries({
  title: 'Failed, by API',
  about: {
    shows: 'The share of each API’s requests that failed; the ten that fail most.',
    normal: 'Below 0.1 %.',
    act: 'Click the line to open the API with this time range.',
  },
  unit: units.PercentUnit,
  noValue: noRequests,
  thresholds: [[0.01, 'red']],
  links: [toApi, toSlo],
  queries: [line(topLines(failedShare(here, 'api')), { legend: ['api'] })],
})

const latencies = timeSeries({
  title: 'Latency',
  about: {
    shows: 'How long requests took. The dots are single requests with a trace.',
    normal: 'Steady; p99 a few times p50.',
    act: 'Click a dot above the lines to open its trace. Where p50 rises too, everything is slow: look at upstreams and CPU.',
  },
  unit: units.Seconds,
  noValue: noRequests,
  queries: percentiles((q) => latency(q, here)),
})

const apis = table({
  title: 'APIs',
  about: {
    shows: 'The 50 APIs with the most traffic now.',
    normal: 'Failed below 0.1 %, p99 below the bound you promised.',
    act: 'Click an API to open it.',
  },
  noValue: noRequests,
  height: 10,
  sortBy: 'Failed',
  rows: { api: { title: 'API', links: [toApi, toSlo, link('consumer', 'Who calls it', { api: 'api' })] } },
  columns: [
    { title: 'Requests/s', unit: units.RequestsPerSecond, expr: topRows(requestRate(here, 'api')) },
    {
      ...{ title: 'Failed', unit: units.PercentUnit, decimals: 2 },
      thresholds: [
        [0.001, 'orange'],
        [0.01, 'red'],
      ],
      expr: amongBusiest(failedShare(here, 'api')),
    },
    {
      ...{ title: 'p50', unit: units.Seconds },
      expr: amongBusiest(latency(0.5, here, 'api')),
    },
    {
      ...{ title: 'p99', unit: units.Seconds },
      thresholds: [
        [1, 'orange'],
        [5, 'red'],
      ],
      expr: amongBusiest(latency(0.99, here, 'api')),
    },
  ],
})

const lag = stat({
  title: 'Pump lag',
  about: {
    shows: 'Age of the oldest record that a sink has not taken. The panels above are this old.',
    normal: 'Below 5 s.',
    act: 'Internals shows which sink lags. While it does, trust “Requests seen by the gateways” there, which needs no pump.',
  },
  unit: units.Seconds,
  noValue: 'No pump found: scrape /metrics of its admin port',
  thresholds: [
    [10, 'orange'],
    [60, 'red'],
  ],
  queries: [line(max(series(pumpMetrics.lagSeconds)), { name: 'lag' })],
})

const notRunning = stat({
  title: 'Sinks not running',
  about: {
    shows: 'Sinks that wait to try again, or were halted by an error that a person must mend.',
    normal: '0.',
    act: 'Internals shows which; the pump’s log and /readyz say why.',
  },
  unit: units.NoUnit,
  noValue: 'No pump found: scrape /metrics of its admin port',
  thresholds: [[1, 'red']],
  queries: [
    line(sum(max(series(pumpMetrics.sinkState, { state: ['=~', 'retrying|halted'] }), 'sink')), { name: 'sinks' }),
  ],
})

const lost = stat({
  title: 'Records refused',
  about: {
    shows:
      'Records that a gateway could not keep within the time range: the requests were served, but are missing here.',
    normal: '0.',
    act: 'Internals, “Records refused”, says why: a full ring means that the disk is slow or full.',
  },
  unit: units.NoUnit,
  noValue: 'No gateway found: scrape /metrics of its admin port',
  thresholds: [[1, 'red']],
  queries: [line(sum(increase(series(recorderMetrics.refused))), { name: 'refused' })],
})

const conservation = stat({
  title: 'Conservation error',
  about: {
    shows: 'Records of the log that are neither delivered, filtered, set aside nor waiting.',
    normal: '0, always.',
    act: 'Anything else is a defect of Penstock: run `penstock audit` and report it.',
  },
  unit: units.NoUnit,
  noValue: 'No pump found: scrape /metrics of its admin port',
  thresholds: [[1, 'red']],
  queries: [line(max(absolute(series(pumpMetrics.conservationError))), { name: 'records' })],
})

export const overview = finish({
  place: 'overview',
  description: 'Is it up, how fast, how many errors: all APIs at a glance.',
  from: 'now-3h',
  refresh: '30s',
  rows: [
    { title: 'Now', panels: [traffic, success, slowest, refused, failing, up] },
    { title: 'Requests', panels: [byStatus, byOutcome, failedByApi, latencies] },
    { title: 'APIs', panels: [apis] },
    { title: 'Can these numbers be trusted?', panels: [lag, notRunning, lost, conservation] },
  ],
})
