import type { MetricDefinition } from '../../metrics/metric.ts'
import { type ExpositionFormat, familyHead, valueText } from '../../runtime/exposition.ts'
import type { Buckets } from './histogram.ts'
import type { Shown } from './row.ts'

/** The label value of everything that has no series of its own. */
export const other = '__other__'

type Described = Pick<MetricDefinition, 'type' | 'help'> & { readonly name: string }

/** Writes one metric of all rows: its head, then the number at a slot of each row; `scale` stored units are a shown one. */
export function* counterLines(
  metric: Described,
  rows: readonly Shown[],
  { at, scale = 1, format }: { at: number; scale?: number; format: ExpositionFormat },
): Generator<string> {
  yield familyHead(metric.name, metric.type, metric.help, format)
  for (const { text, values } of rows) yield line(metric.name, text, (values[at] as number) / scale) // a layout's own slot
}

export function line(name: string, labels: string, value: number): string {
  return `${name}{${labels}} ${valueText(value)}\n`
}

export interface HistogramLines {
  readonly name: string
  readonly labels: string
  readonly row: Shown
  /** Where the histogram stands in the row's numbers. */
  readonly at: number
  readonly buckets: Buckets
  readonly format: ExpositionFormat
}

/** Writes a histogram: cumulative buckets with their newest exemplars, sum and count. */
export function histogramLines({ name, labels, row, at, buckets, format }: HistogramLines): string {
  const { le, scale } = buckets
  let text = ''
  let count = 0
  for (let i = 0; i < le.length; i++) {
    count += row.values[at + i] as number // a layout's own slot
    text += `${name}_bucket{${labels},le="${le[i]}"} ${valueText(count)}`
    const exemplar = format === 'openmetrics' ? row.exemplars[at + i] : undefined
    if (exemplar) text += ` # {trace_id="${exemplar.traceId}"} ${exemplar.value / scale} ${exemplar.at.toFixed(3)}`
    text += '\n'
  }
  const sum = row.values[at + le.length] as number // as above
  return `${text}${name}_sum{${labels}} ${valueText(sum / scale)}\n${name}_count{${labels}} ${valueText(count)}\n`
}

/** 64 KiB: written out in well under a millisecond, so that whoever waits for the event loop does not notice. */
const sliceCharacters = 64 * 1024

/** Puts lines together into slices. */
export function* slices(lines: Iterable<string>): Generator<string> {
  let slice = ''
  for (const one of lines) {
    slice += one
    if (slice.length < sliceCharacters) continue
    yield slice
    slice = ''
  }
  if (slice) yield slice
}
