import * as units from '@grafana/grafana-foundation-sdk/units'
import { absolute, buckets, max, or, quantile, rate, series, sum, times } from '../metrics/promql.ts'
import { pumpMetrics } from '../metrics/pump.ts'
import { linksFrom } from './link.ts'
import { sinkStates } from './mapping.ts'
import { stateTimeline, timeSeries } from './panel.ts'
import { chosen, line } from './query.ts'
import { topLines } from './table.ts'

const link = linksFrom('internals')
const here = chosen('instance')
const onlySink = link('internals', 'Only this sink', { sink: 'sink' })
const noPump = 'No pump found: Prometheus must scrape /metrics of its admin port'

const ofSink = { ...here, ...chosen('sink') }
/** The pump's own counts call the sink a component. */
const ofComponent = { ...here, component: ['=~', '$sink'] } as const
const { sinkState } = pumpMetrics

/** A sink is in one state on each shard: the greatest number of `sinkStates` that one of them is in. */
const inState = (state: string) => series(sinkState, { ...ofSink, state })
const worstState = max(
  or(or(times(inState('running'), 1), times(inState('retrying'), 2)), times(inState('halted'), 3)),
  'sink',
)

const states = stateTimeline({
  title: 'Sinks',
  about: {
    shows:
      'The worst state of each sink over its shards: running; retrying after an error that will pass; halted by one that a person must mend; standby where another pump has the lease.',
    normal: 'Running.',
    act: 'Halted: the pump’s log and /readyz say why (a password, a table, a certificate); it goes on by itself once mended. Retrying for long: the backend is down.',
  },
  ...{ unit: units.NoUnit, noValue: noPump },
  thresholds: [
    [0, 'green'],
    [2, 'orange'],
    [3, 'red'],
  ],
  mappings: sinkStates,
  links: [onlySink],
  queries: [line(worstState, { legend: ['sink'] })],
})

const lag = timeSeries({
  title: 'Lag, by sink',
  about: {
    shows: 'Age of the oldest record that the sink has not taken.',
    normal: 'Below 5 s.',
    act: 'One sink: its backend is slow or down, see “Sinks” and “Time per block”. All sinks: the pump lacks CPU, or is down.',
  },
  ...{ unit: units.Seconds, noValue: noPump },
  thresholds: [[60, 'red']],
  links: [onlySink],
  queries: [line(topLines(max(series(pumpMetrics.lagSeconds, ofSink), 'sink')), { legend: ['sink'] })],
})

const backlog = timeSeries({
  title: 'Backlog, by sink',
  about: {
    shows: 'Records in the log that the sink has not taken.',
    normal: 'A second’s traffic.',
    act: 'As for the lag. It falls by what the sink takes beyond the traffic: that says how long it will take.',
  },
  ...{ unit: units.Short, noValue: noPump },
  links: [onlySink],
  queries: [line(topLines(sum(series(pumpMetrics.lagRecords, ofSink), 'sink')), { legend: ['sink'] })],
})

const sent = timeSeries({
  title: 'Delivered, by sink',
  about: {
    shows: 'Records per second that the sink has for certain.',
    normal: 'As many as requests, less what its filter leaves out.',
    act: '0 while there is traffic: see “Sinks”.',
  },
  ...{ unit: units.RecordsPerSecond, noValue: noPump },
  queries: [line(topLines(sum(rate(series(pumpMetrics.sent, ofComponent)), 'component')), { legend: ['component'] })],
})

const writes = timeSeries({
  title: 'Time per block',
  about: {
    shows: 'How long sinks took for a block of records, half of the times and at the worst.',
    normal: 'Below a second.',
    act: 'Rising: the backend is busy. Its own dashboards say with what.',
  },
  ...{ unit: units.Seconds, noValue: noPump },
  links: [onlySink],
  queries: [0.5, 0.99].map((q) =>
    line(topLines(quantile(q, buckets(pumpMetrics.writeSeconds, ofSink), '$__rate_interval', 'sink')), {
      name: `p${q * 100}`,
      legend: ['sink'],
    }),
  ),
})

const errors = timeSeries({
  title: 'Failed writes',
  about: {
    shows: 'Writes that failed, by sink and by what the failure asks for; those that did.',
    normal: '0; a retry now and then.',
    act: 'halt: mend what the log names. reject: see “Dead letters”. unknown: a defect, or a backend’s error that we do not know: report it with the log.',
  },
  ...{ unit: units.CountsPerSecond, noValue: noPump },
  queries: [
    line(topLines(sum(rate(series(pumpMetrics.errors, ofComponent)), 'component', 'kind')), {
      legend: ['component', 'kind'],
    }),
  ],
})

const discarded = timeSeries({
  title: 'Not delivered, by reason',
  about: {
    shows:
      'Records that a sink does not get: filtered by its own rule, released to the next owner, rejected for their own fault, or evicted because the log was full.',
    normal: 'filtered and released only.',
    act: 'rejected: `penstock dead list` shows why. evicted: the sink held a full log for too long, those records are gone for it.',
  },
  ...{ unit: units.RecordsPerSecond, noValue: noPump },
  queries: [line(sum(rate(series(pumpMetrics.discarded, ofComponent)), 'reason'), { legend: ['reason'] })],
})

const letters = timeSeries({
  title: 'Dead letters',
  about: {
    shows: 'Records set aside because a sink refused them, until somebody retries or drops them.',
    normal: '0.',
    act: '`penstock dead list` shows them with the reason; mend it, then `penstock dead retry`.',
  },
  ...{ unit: units.Short, noValue: noPump },
  links: [onlySink],
  queries: [line(topLines(sum(series(pumpMetrics.deadLettersHeld, ofSink), 'sink')), { legend: ['sink'] })],
})

const conserved = timeSeries({
  title: 'Conservation error, by sink',
  about: {
    shows: 'Appended less delivered, filtered, dead-lettered, evicted and waiting: what nobody accounts for.',
    normal: '0, always.',
    act: 'Anything else is a defect: run `penstock audit`, and report it.',
  },
  ...{ unit: units.Short, noValue: noPump },
  thresholds: [[1, 'red']],
  links: [onlySink],
  queries: [line(topLines(max(absolute(series(pumpMetrics.conservationError, ofSink)), 'sink')), { legend: ['sink'] })],
})

const buffer = timeSeries({
  title: 'Log, by shard',
  about: {
    shows: 'Bytes of the log that the pump reads; the ten largest shards.',
    normal: 'Low and level.',
    act: 'Growing: some sink lags.',
  },
  ...{ unit: units.BytesIEC, noValue: noPump },
  queries: [line(topLines(max(series(pumpMetrics.bufferBytes, here), 'shard')), { legend: ['shard'] })],
})

/** How each sink fares. */
export const pumpRow = {
  title: 'Pump',
  panels: [states, lag, backlog, sent, writes, errors, discarded, letters, conserved, buffer],
}
