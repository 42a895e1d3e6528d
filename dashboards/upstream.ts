import * as units from '@grafana/grafana-foundation-sdk/units'
import { gatewayMetrics } from '../metrics/gateway.ts'
import {
  andOn,
  avg,
  avgOverTime,
  bottomk,
  changes,
  count,
  type Expr,
  max,
  min,
  orZero,
  rate,
  ratio,
  series,
  sum,
  times,
  where,
} from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import { finish } from './finish.ts'
import { linksFrom } from './link.ts'
import { isUsed } from './mapping.ts'
import { stat, stateTimeline, timeSeries } from './panel.ts'
import { processTable } from './process.ts'
import { chosen, line } from './query.ts'
import { latency, latencyOf, noRequests, outcomeColors, percentiles, requestRate } from './request.ts'
import { maxLines, maxRows, table, topLines } from './table.ts'

const link = linksFrom('upstream')
const here = chosen('api', 'gateway')
const toApi = link('endpoint', 'Open the API', { api: 'api' })
const toUpstream = link('upstream', 'Only this upstream', { upstream: 'upstream' })
const { requests } = recordMetrics
const ofInstance = chosen('upstream', 'instance')
const targets = series(gatewayMetrics.upstreamUp, ofInstance)
const ofTarget = ['upstream', 'target'] as const
const noTargets = 'No upstream found: Prometheus must scrape /metrics of the gateways’ admin ports'
const upstreamFailures = 'upstream_error|upstream_timeout|upstream_unreachable'

/** Requests per second that ended in one of these ways. */
const ended = (outcome: string) => series(requests, { ...here, outcome: ['=~', outcome] })

const used = stat({
  title: 'Targets in use',
  about: {
    shows:
      'The share of upstream targets that gateways use now. A target that fails is skipped for a while, then tried again.',
    normal: '100 %.',
    act: '“Targets” names those that are skipped. One of many: traffic goes on without it. All of an upstream: its APIs are down.',
  },
  ...{ unit: units.PercentUnit, width: 6, noValue: noTargets },
  thresholds: [
    [0, 'red'],
    [1, 'green'],
  ],
  queries: [line(avg(targets), { name: 'in use' })],
})

const without = stat({
  title: 'Upstreams without a target',
  about: {
    shows: 'Upstreams of which some gateway can use no target at all.',
    normal: '0.',
    act: 'Their APIs answer 502 there. Is the upstream down, or only out of this gateway’s reach?',
  },
  ...{ unit: units.NoUnit, width: 6, noValue: noTargets },
  thresholds: [[1, 'red']],
  queries: [
    line(
      orZero(count(where(max(targets, 'upstream', 'instance'), '==', 0)), count(max(targets, 'upstream', 'instance'))),
      { name: 'upstreams' },
    ),
  ],
})

const failing = stat({
  title: 'Failed upstream requests per second',
  about: {
    shows: 'Requests that ended with an upstream’s error, timeout, or without a connection.',
    normal: 'Near zero.',
    act: '“Upstream failures, by API” names the API.',
  },
  ...{ unit: units.RequestsPerSecond, width: 6, noValue: noRequests },
  queries: [line(orZero(sum(rate(ended(upstreamFailures))), requestRate(here)), { name: 'failed' })],
})

const slowest = stat({
  title: 'Upstream p99',
  about: {
    shows: 'One request in a hundred waited longer than this for the upstream’s first byte.',
    normal: 'Below the upstream’s timeout by far.',
    act: '“Upstream p95, by API” names the API.',
  },
  ...{ unit: units.Seconds, width: 6, noValue: noRequests },
  queries: [line(latencyOf('upstream', 0.99, here), { name: 'p99' })],
})

const states = stateTimeline({
  title: 'Targets',
  about: {
    shows: 'The ten targets in the worst state over time: used by all gateways, by some, or by none.',
    normal: 'Used throughout.',
    act: 'Skipped by all: the target is down. By some: the way from these gateways to it. On and off: it fails now and then, see its log.',
  },
  ...{ unit: units.NoUnit, width: 24, noValue: noTargets },
  thresholds: [
    [0, 'red'],
    [0.000001, 'orange'],
    [1, 'green'],
  ],
  mappings: isUsed,
  links: [toUpstream],
  queries: [line(bottomk(maxLines, avg(targets, ...ofTarget)), { legend: ['upstream', 'target'] })],
})

const worst = bottomk(maxRows, avg(avgOverTime(targets, '$__range'), ...ofTarget))
const amongWorst = (of: Expr<'upstream' | 'target'>) => andOn(of, ofTarget, worst)

const uptime = table({
  title: 'Uptime, by target',
  about: {
    shows:
      'Every target: how it stands now, for which share of the time range gateways used it, and how often that changed.',
    normal: '100 % and no change.',
    act: 'Many changes: it fails under load, or its health check is too strict.',
  },
  ...{ noValue: noTargets, sortBy: 'Changes' },
  rows: { upstream: { title: 'Upstream', links: [toUpstream] }, target: { title: 'Target' } },
  columns: [
    { title: 'State', unit: units.NoUnit, mappings: isUsed, expr: amongWorst(avg(targets, ...ofTarget)) },
    {
      ...{ title: 'Uptime', unit: units.PercentUnit, decimals: 2 },
      thresholds: [
        [0, 'red'],
        [0.99, 'orange'],
        [0.999, 'green'],
      ],
      expr: worst,
    },
    {
      title: 'Worst gateway',
      unit: units.PercentUnit,
      decimals: 2,
      expr: amongWorst(min(avgOverTime(targets, '$__range'), ...ofTarget)),
    },
    {
      title: 'Changes',
      unit: units.NoUnit,
      decimals: 0,
      expr: amongWorst(max(changes(targets, '$__range'), ...ofTarget)),
    },
    {
      ...{ title: 'Since', unit: units.DateTimeFromNow },
      expr: amongWorst(times(max(series(gatewayMetrics.upstreamChanged, ofInstance), ...ofTarget), 1000)),
    },
    { title: 'Gateways', unit: units.NoUnit, decimals: 0, expr: amongWorst(count(targets, ...ofTarget)) },
  ],
})

const noChecks = 'No health checks: set `health` at an upstream'

const checkLatency = timeSeries({
  title: 'Health check latency, by target',
  about: {
    shows: 'How long targets took for their last health check; the ten slowest.',
    normal: 'Steady, and far below the check’s timeout.',
    act: 'Rising before the target is skipped: it is overloaded.',
  },
  ...{ unit: units.Seconds, noValue: noChecks },
  links: [toUpstream],
  queries: [
    line(topLines(max(series(gatewayMetrics.upstreamHealthSeconds, ofInstance), ...ofTarget)), { legend: ofTarget }),
  ],
})

const failedChecks = timeSeries({
  title: 'Failed health checks, by target',
  about: {
    shows: 'Health checks per second that failed, of all gateways; the ten targets with the most.',
    normal: '0.',
    act: 'Ask the target for the check’s path yourself, from a gateway: status and time say what is wrong.',
  },
  ...{ unit: units.CountsPerSecond, noValue: noChecks },
  links: [toUpstream],
  queries: [
    line(
      topLines(
        sum(rate(series(gatewayMetrics.upstreamHealthChecks, { ...ofInstance, result: 'failed' })), ...ofTarget),
      ),
      {
        legend: ofTarget,
      },
    ),
  ],
})

const byOutcome = timeSeries({
  title: 'Upstream failures, by kind',
  about: {
    shows: 'Requests that ended with an error of the upstream, without its answer in time, or without a connection.',
    normal: 'Near zero.',
    act: 'upstream_error: it answered 5xx, see its log. upstream_timeout: it hangs, see its latency. upstream_unreachable: it is down, or refuses connections.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: 'No upstream failed' },
  colors: outcomeColors,
  queries: [line(sum(rate(ended(upstreamFailures)), 'outcome'), { legend: ['outcome'] })],
})

const byApi = timeSeries({
  title: 'Upstream failures, by API',
  about: {
    shows: 'The share of each API’s requests that the upstream failed; the ten that fail most.',
    normal: 'Below 0.1 %.',
    act: 'Click the line to open the API.',
  },
  ...{ unit: units.PercentUnit, noValue: 'No upstream failed' },
  thresholds: [[0.01, 'red']],
  links: [toApi],
  queries: [
    line(topLines(ratio(sum(rate(ended(upstreamFailures)), 'api'), where(requestRate(here, 'api'), '>', 0))), {
      legend: ['api'],
    }),
  ],
})

const latencies = timeSeries({
  title: 'Upstream latency',
  about: {
    shows: 'How long upstreams took to their first byte. The dots are single requests with a trace.',
    normal: 'Steady.',
    act: 'Click a dot above the lines to open its trace.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  queries: percentiles((q) => latencyOf('upstream', q, here)),
})

const latencyByApi = timeSeries({
  title: 'Upstream p95, by API',
  about: {
    shows: 'The ten APIs whose upstreams are slowest.',
    normal: 'Each steady at a height of its own.',
    act: 'Click the line to open the API.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  links: [toApi],
  queries: [line(topLines(latencyOf('upstream', 0.95, here, 'api')), { legend: ['api'], exemplars: true })],
})

const ownTime = timeSeries({
  title: 'The gateway’s own time',
  about: {
    shows: 'What the gateway itself added to a request.',
    normal: 'p50 below 1 ms, p99 below 10 ms.',
    act: 'Rising: CPU and event loop of the gateways on Internals.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  queries: percentiles((q) => latencyOf('gateway', q, here)),
})

const waiting = timeSeries({
  title: 'In all and at the upstream (p99)',
  about: {
    shows: 'The slowest hundredth of requests, in all and until the upstream’s first byte.',
    normal: 'Both alike.',
    act: 'Only “in all” rises: large bodies, or clients that read slowly.',
  },
  ...{ unit: units.Seconds, noValue: noRequests },
  queries: [
    line(latency(0.99, here), { name: 'in all', exemplars: true }),
    line(latencyOf('upstream', 0.99, here), { name: 'upstream', exemplars: true }),
  ],
})

export const upstream = finish({
  place: 'upstream',
  description:
    'Which upstream target is down or slow, since when, and which APIs feel it; and every process with its uptime.',
  ...{ from: 'now-6h', refresh: '30s' },
  rows: [
    { title: 'Now', panels: [used, without, failing, slowest] },
    { title: 'Availability', panels: [states, uptime, checkLatency, failedChecks] },
    { title: 'Failures', panels: [byOutcome, byApi] },
    { title: 'Latency', panels: [latencies, latencyByApi, ownTime, waiting] },
    { title: 'Processes', panels: [processTable([link('internals', 'What it does', { instance: 'instance' })])] },
  ],
})
