import * as units from '@grafana/grafana-foundation-sdk/units'
import { max, rate, ratio, series, sum } from '../metrics/promql.ts'
import { pumpMetrics } from '../metrics/pump.ts'
import { recordMetrics } from '../metrics/records.ts'
import { storeMetrics } from '../metrics/store.ts'
import { linksFrom } from './link.ts'
import { stat, timeSeries } from './panel.ts'
import { chosen, line } from './query.ts'

const _link = linksFrom('internals')
const here = chosen('instance')
const noPump = 'No pump found: Prometheus must scrape /metrics of its admin port'

const ofSink = { ...here, ...chosen('sink') }

const evicted = stat({
  title: 'Evicted records',
  about: {
    shows: 'Records given up for a sink because it held a nearly full log, since its start.',
    normal: '0.',
    act: 'The other sinks have them. Give this one a faster backend or a larger log, or let it stop all others instead: `hold: forever`.',
  },
  ...{ unit: units.Short, width: 6, noValue: noPump },
  thresholds: [[1, 'red']],
  queries: [line(sum(max(series(pumpMetrics.evicted, ofSink), 'sink', 'shard')), { name: 'evicted' })],
})

const orphans = stat({
  title: 'Orphaned sinks',
  about: {
    shows: 'Sinks that the log knows and the configuration does not: each holds the log back.',
    normal: '0.',
    act: 'Configure it again, or retire it: `penstock sinks retire NAME`.',
  },
  ...{ unit: units.NoUnit, width: 6, noValue: noPump },
  thresholds: [[1, 'red']],
  queries: [line(sum(max(series(pumpMetrics.sinkOrphan, here), 'sink')), { name: 'orphans' })],
})

const bufferUsed = stat({
  title: 'Log used',
  about: {
    shows: 'The fullest shard of the log, as a share of what it may take.',
    normal: 'Below 70 %.',
    act: 'A sink that stands still fills it: see “Lag, by sink”. From 95 % on, that sink’s oldest records are evicted.',
  },
  ...{ unit: units.PercentUnit, width: 6, noValue: noPump },
  thresholds: [
    [0.7, 'orange'],
    [0.85, 'red'],
  ],
  queries: [
    line(
      max(
        ratio(
          max(series(pumpMetrics.bufferBytes, here), 'shard'),
          max(series(pumpMetrics.bufferMaxBytes, here), 'shard'),
        ),
      ),
      { name: 'used' },
    ),
  ],
})

const seriesUsed = stat({
  title: 'Series budget used',
  about: {
    shows: 'The fullest part of the prometheus sink’s series, as a share of what it may have.',
    normal: 'Below 60 %: from there on, new endpoints and consumers are counted as `__other__`.',
    act: 'Raise `maxSeries`, or lower `consumers`.',
  },
  ...{ unit: units.PercentUnit, width: 6, noValue: 'No sink of type prometheus found' },
  thresholds: [
    [0.6, 'orange'],
    [0.95, 'red'],
  ],
  queries: [
    line(
      max(
        ratio(
          max(series(recordMetrics.series, here), 'shard', 'group'),
          max(series(recordMetrics.seriesBudget, here), 'shard', 'group'),
        ),
      ),
      { name: 'used' },
    ),
  ],
})

const collapsed = timeSeries({
  title: 'Requests counted as __other__',
  about: {
    shows: 'Requests without a series of their own, by what there was no room for. They are in every sum.',
    normal: '0 for endpoints; consumers beyond the first 200.',
    act: 'Endpoints: raise `maxSeries`. Consumers: raise `consumers`.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: 'No sink of type prometheus found' },
  queries: [line(sum(rate(series(recordMetrics.collapsedRequests, here)), 'group'), { legend: ['group'] })],
})

const storeBytes = timeSeries({
  title: 'Store',
  about: {
    shows: 'What the usage store takes on the disk, and what it may take.',
    normal: 'Level below the limit, once its retention is reached.',
    act: 'At the limit its oldest records go: raise the limit, or shorten the retention.',
  },
  ...{ unit: units.BytesIEC, noValue: 'No sink of type store found' },
  queries: [
    line(max(series(storeMetrics.bytes, ofSink), 'sink'), { name: 'taken', legend: ['sink'] }),
    line(max(series(storeMetrics.maxBytes, ofSink), 'sink'), { name: 'limit', legend: ['sink'] }),
  ],
})

const storeRecords = timeSeries({
  title: 'Records let go by the store',
  about: {
    shows: 'Records that the usage store no longer has, by why.',
    normal: 'expired: as many as come in, once the retention is reached.',
    act: 'evicted: the disk limit is too small for the retention. lost: files were damaged or deleted.',
  },
  ...{ unit: units.RecordsPerSecond, noValue: 'No sink of type store found' },
  queries: [line(sum(rate(series(storeMetrics.letGo, ofSink)), 'reason'), { legend: ['reason'] })],
})

/** What is bounded, and how much of it is used. */
export const limitRow = {
  title: 'Limits',
  panels: [evicted, orphans, bufferUsed, seriesUsed, collapsed, storeBytes, storeRecords],
}
