import * as units from '@grafana/grafana-foundation-sdk/units'
import { gatewayMetrics, recorderMetrics } from '../metrics/gateway.ts'
import { increase, max, min, minus, now, rate, series, sum } from '../metrics/promql.ts'
import { linksFrom } from './link.ts'
import { isFresh } from './mapping.ts'
import { stat, timeSeries } from './panel.ts'
import { chosen, line } from './query.ts'
import { outcomeColors } from './request.ts'
import { topLines } from './table.ts'

const link = linksFrom('internals')
const here = chosen('instance')
const onlyInstance = link('internals', 'Only this instance', { instance: 'instance' })
const noGateway = 'No gateway found: Prometheus must scrape /metrics of its admin port'

const seen = timeSeries({
  title: 'Requests seen by the gateways',
  about: {
    shows: 'Requests that ended, as the gateways count them themselves: true also while pump or sinks stand still.',
    normal: 'The same as on the Overview.',
    act: 'More here than there: the pump lags, see below.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noGateway },
  isStacked: true,
  colors: outcomeColors,
  queries: [line(sum(rate(series(gatewayMetrics.requests, here)), 'outcome'), { legend: ['outcome'] })],
})

const inFlight = timeSeries({
  title: 'Requests in flight',
  about: {
    shows: 'Requests that are being served; the ten gateways with the most.',
    normal: 'Requests per second times their latency.',
    act: 'Growing without more requests: an upstream hangs.',
  },
  ...{ unit: units.Short, noValue: noGateway },
  links: [onlyInstance],
  queries: [line(topLines(max(series(gatewayMetrics.inFlight, here), 'instance')), { legend: ['instance'] })],
})

const reloads = timeSeries({
  title: 'Configuration changes',
  about: {
    shows: 'Attempts to take a changed configuration or certificate, by result.',
    normal: 'ok where you changed something; failed never.',
    act: 'failed: the gateway works on with the last good one. Its log names the fault; `penstock check` does too.',
  },
  ...{ unit: units.Short, noValue: noGateway },
  colors: { ok: 'green', failed: 'red' },
  queries: [line(sum(increase(series(gatewayMetrics.configReloads, here)), 'result'), { legend: ['result'] })],
})

const records = timeSeries({
  title: 'Records made and kept',
  about: {
    shows:
      'Records that requests left behind, those that are durable in the gateway’s own log, and those forwarded to the shared one.',
    normal: 'All alike; nothing is forwarded where there is no shared log.',
    act: 'Kept below made: see “Records refused”. Forwarded below kept: see “Spool”.',
  },
  ...{ unit: units.RecordsPerSecond, noValue: noGateway },
  queries: [
    line(sum(rate(series(recorderMetrics.made, here))), { name: 'made' }),
    line(sum(rate(series(recorderMetrics.appended, here))), { name: 'kept' }),
    line(sum(rate(series(recorderMetrics.forwarded, here))), { name: 'forwarded' }),
  ],
})

const refused = timeSeries({
  title: 'Records refused',
  about: {
    shows:
      'Records that were lost, by reason, and records that the shared log had to pass over. The requests themselves were served.',
    normal: '0.',
    act: 'ring_full: the disk is slow or full, or `ringBytes` too small. too_large: `detail` records bodies that are too large. passed over: the spool was evicted or damaged.',
  },
  ...{ unit: units.RecordsPerSecond, noValue: noGateway },
  queries: [
    line(sum(rate(series(recorderMetrics.refused, here)), 'reason'), { legend: ['reason'] }),
    line(sum(rate(series(recorderMetrics.skipped, here))), { name: 'passed over' }),
  ],
})

const ring = timeSeries({
  title: 'Records in memory',
  about: {
    shows: 'Bytes of records that wait for their append; the ten gateways with the most.',
    normal: 'Some kilobytes: 50 ms of traffic.',
    act: 'Growing: the disk does not keep up. At `ringBytes`, records are refused.',
  },
  ...{ unit: units.BytesIEC, noValue: noGateway },
  links: [onlyInstance],
  queries: [line(topLines(max(series(recorderMetrics.ringBytes, here), 'instance')), { legend: ['instance'] })],
})

const spool = timeSeries({
  title: 'Spool',
  about: {
    shows: 'Records in each gateway’s own log that the shared log does not have yet; the ten with the most.',
    normal: '0, or a moment’s traffic.',
    act: 'Growing: Redis or Kafka is down, full or slow. Nothing is lost until `spoolBytes` is reached.',
  },
  ...{ unit: units.Short, noValue: noGateway },
  links: [onlyInstance],
  queries: [line(topLines(max(series(recorderMetrics.spoolBacklog, here), 'instance')), { legend: ['instance'] })],
})

const spoolBytes = timeSeries({
  title: 'Local log',
  about: {
    shows: 'Bytes of each gateway’s own log; the ten largest.',
    normal: 'Minutes of traffic where there is a shared log; where there is none, what the slowest sink has not taken.',
    act: 'Growing: see “Spool” and “Lag, by sink”.',
  },
  ...{ unit: units.BytesIEC, noValue: noGateway },
  links: [onlyInstance],
  queries: [line(topLines(max(series(recorderMetrics.spoolBytes, here), 'instance')), { legend: ['instance'] })],
})

const fresh = stat({
  title: 'Configuration',
  about: {
    shows: 'Whether every gateway works with what its files say now.',
    normal: 'In use.',
    act: 'Not taken: a change is broken, and the gateway works on with what it had. Its log names the fault; `penstock check` does too.',
  },
  ...{ unit: units.NoUnit, width: 12, noValue: noGateway },
  thresholds: [
    [0, 'red'],
    [1, 'green'],
  ],
  mappings: isFresh,
  queries: [line(min(series(gatewayMetrics.configFresh, here)), { name: 'configuration' })],
})

const certificate = stat({
  title: 'First certificate to expire',
  about: {
    shows: 'How long the certificate in use lasts that expires first.',
    normal: 'Weeks.',
    act: 'Renew it: the gateway takes changed files by itself. `penstock_certificate_expires_timestamp_seconds` names the file.',
  },
  ...{ unit: units.DurationSeconds, width: 12, decimals: 0, noValue: 'No gateway listens with `tls`' },
  thresholds: [
    [0, 'red'],
    [7 * 86_400, 'orange'],
    [20 * 86_400, 'green'],
  ],
  queries: [line(minus(min(series(gatewayMetrics.certificateExpires, here)), now), { name: 'left' })],
})

/** How the gateways fare, and their records on the way into the log. */
export const gatewayRow = {
  title: 'Gateway',
  panels: [seen, inFlight, records, refused, ring, spool, spoolBytes, reloads, fresh, certificate],
}
