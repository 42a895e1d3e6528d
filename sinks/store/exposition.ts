import type { MetricDefinition } from '../../metrics/metric.ts'
import { storeMetrics } from '../../metrics/store.ts'
import { type ExpositionFormat, familyHead, labelText, valueText } from '../../runtime/exposition.ts'
import type { StoreStatus } from './open.ts'

/** The store's metrics as a page of metrics shows them. */
export function* exposeStore(status: StoreStatus, sink: string, format: ExpositionFormat): Generator<string> {
  yield family(storeMetrics.bytes, format, [[{ sink }, status.takenBytes]])
  yield family(storeMetrics.maxBytes, format, [[{ sink }, status.maxBytes]])
  yield family(storeMetrics.records, format, [[{ sink }, status.rows]])
  yield family(storeMetrics.files, format, [[{ sink }, status.files]])
  yield family(storeMetrics.letGo, format, [
    [{ sink, reason: 'evicted' }, status.evictedRows],
    [{ sink, reason: 'expired' }, status.expiredRows],
    [{ sink, reason: 'lost' }, status.lostRows],
  ])
}

type Sample<Label extends string> = readonly [labels: Readonly<Record<Label, string>>, value: number]

function family<Label extends string>(
  { name, type, help }: MetricDefinition<Label>,
  format: ExpositionFormat,
  samples: readonly Sample<NoInfer<Label>>[],
): string {
  const lines = samples.map(([labels, value]) => `${name}{${labelText(labels)}} ${valueText(value)}\n`)
  return `${familyHead(name, type, help, format)}${lines.join('')}`
}
