import type { Registry } from 'prom-client'
import { recorderMetrics } from '../metrics/gateway.ts'
import { toCounter, toGauge } from '../metrics/metric.ts'
import { type Recorder, refusalReasons } from './recorder.ts'

/** Shows a recorder's counts in `registry`, read anew at each scrape. */
export function registerRecorderMetrics(recorder: Pick<Recorder, 'counts'>, registry: Registry): void {
  for (const name of ['made', 'appended', 'forwarded', 'skipped'] as const)
    toCounter(recorderMetrics[name], registry, (counter) => {
      counter.reset()
      counter.inc(recorder.counts[name])
    })
  toCounter(recorderMetrics.refused, registry, (counter) => {
    counter.reset()
    for (const reason of refusalReasons) counter.inc({ reason }, recorder.counts.refused[reason])
  })
  for (const name of ['ringRecords', 'ringBytes', 'spoolBytes', 'spoolBacklog'] as const)
    toGauge(recorderMetrics[name], registry, (gauge) => gauge.set(recorder.counts[name]))
}
