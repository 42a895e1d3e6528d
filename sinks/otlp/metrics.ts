import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import { fields, type RequestRecord } from '../../record/fields.ts'
import { isFailed, statusClass } from '../../record/outcome.ts'
import { addValue, type Sketch, zeroBucket } from '../../record/sketch.ts'
import { type ResourceOf, scope } from './resource.ts'
import { cut, type Export, type ExportLimits } from './signal.ts'

/** What the points of a request are about: since the last ones, until now. */
export interface Window {
  readonly startTime: HrTime
  readonly endTime: HrTime
}

/** Everything that one set of attributes adds up to. Sums are weighted. */
interface Series {
  readonly resource: Resource
  readonly attributes: Attributes
  readonly records: RequestRecord[]
  readonly seconds: Sketch
  secondsSum: number
  secondsMin: number
  secondsMax: number
  requests: number
  failed: number
  bytesIn: number
  bytesOut: number
}

const sums = [
  { name: 'penstock.requests', description: 'Requests', unit: '{request}', of: 'requests' },
  { name: 'penstock.failed_requests', description: 'Requests that failed', unit: '{request}', of: 'failed' },
  { name: 'penstock.request.bytes', description: fields.bytesIn.doc, unit: 'By', of: 'bytesIn' },
  { name: 'penstock.response.bytes', description: fields.bytesOut.doc, unit: 'By', of: 'bytesOut' },
] as const

interface MetricOptions {
  readonly resourceOf: ResourceOf
  readonly limits: ExportLimits
  readonly window: Window
}

/** What the records add to those before: deltas. All records of a series are in one request, so that its window has one point. */
export function* exportMetrics(
  records: readonly RequestRecord[],
  { resourceOf, limits, window }: MetricOptions,
): Generator<Export> {
  const serialize = (some: readonly Series[]) => serialized(some, window)
  for (const { items, body } of cut(toSeries(records, resourceOf), limits, serialize))
    yield { body, items: items.length * (1 + sums.length), records: items.flatMap((one) => one.records) }
}

/** A request is a list of resources, and lists in protobuf may be laid behind each other. */
function serialized(series: readonly Series[], window: Window): Uint8Array {
  return Buffer.concat(
    [...Map.groupBy(series, ({ resource }) => resource)].map(([resource, some]) => {
      const scopeMetrics = [{ scope, metrics: [durations(some, window), ...counters(some, window)] }]
      return ProtobufMetricsSerializer.serializeRequest({ resource, scopeMetrics })! // undefined is for formats that may fail
    }),
  )
}

function toSeries(records: readonly RequestRecord[], resourceOf: ResourceOf): Series[] {
  const found = new Map<string, Series>()
  for (const record of records) {
    const { gateway, region, api, endpoint, route, method, outcome, status } = record
    const key = JSON.stringify([gateway, region, api, endpoint, route, method, outcome, statusClass(status)])
    const series = found.get(key) ?? emptySeries(resourceOf(record), attributesOf(record))
    found.set(key, series)
    add(series, record)
  }
  return [...found.values()]
}

function attributesOf(record: RequestRecord): Attributes {
  const { api, endpoint, route, method, outcome, status } = record
  return {
    ...(api === '' ? {} : { [fields.api.otel]: api }),
    ...(route === '' ? {} : { [fields.route.otel]: route }),
    ...(isFailed(record) ? { 'error.type': outcome } : {}),
    [fields.endpoint.otel]: endpoint,
    [fields.method.otel]: method,
    [fields.outcome.otel]: outcome,
    'penstock.status_class': statusClass(status),
  }
}

function emptySeries(resource: Resource, attributes: Attributes): Series {
  return {
    resource,
    attributes,
    records: [],
    seconds: new Map(),
    secondsSum: 0,
    secondsMin: Number.POSITIVE_INFINITY,
    secondsMax: 0,
    requests: 0,
    failed: 0,
    bytesIn: 0,
    bytesOut: 0,
  }
}

function add(series: Series, record: RequestRecord): void {
  const { weight, totalUs, bytesIn, bytesOut } = record
  const seconds = totalUs / 1_000_000
  series.records.push(record)
  addValue(series.seconds, seconds, weight)
  series.secondsSum += weight * seconds
  series.secondsMin = Math.min(series.secondsMin, seconds)
  series.secondsMax = Math.max(series.secondsMax, seconds)
  series.requests += weight
  if (isFailed(record)) series.failed += weight
  series.bytesIn += weight * bytesIn
  series.bytesOut += weight * bytesOut
}

function durations(series: readonly Series[], window: Window): MetricData {
  return {
    descriptor: {
      name: 'http.server.request.duration',
      description: fields.totalUs.doc.replace(', microseconds', ''),
      unit: 's',
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: AggregationTemporality.DELTA,
    dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
    dataPoints: series.map((one) => ({ ...window, attributes: one.attributes, value: toHistogram(one) })),
  }
}

function counters(series: readonly Series[], window: Window): MetricData[] {
  return sums.map(({ name, description, unit, of }) => ({
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.DELTA,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints: series.map((one): DataPoint<number> => ({ ...window, attributes: one.attributes, value: one[of] })),
  }))
}

const scale = 5 // of record/sketch.ts, whose buckets have OTLP's numbers

/** OTLP counts in whole numbers: weights that are none are rounded bucket by bucket, and the count is their sum, as it must be. */
function toHistogram({ seconds, secondsSum, secondsMin, secondsMax }: Series): ExponentialHistogram {
  const zeroCount = Math.round(seconds.get(zeroBucket) ?? 0)
  const buckets = [...seconds.keys()].filter((bucket) => bucket !== zeroBucket)
  const offset = buckets.length > 0 ? Math.min(...buckets) : 0
  const length = buckets.length > 0 ? Math.max(...buckets) - offset + 1 : 0
  const bucketCounts = Array.from({ length }, (_, index) => Math.round(seconds.get(offset + index) ?? 0))
  const count = bucketCounts.reduce((sum, one) => sum + one, zeroCount)
  return {
    count,
    sum: secondsSum,
    min: secondsMin,
    max: secondsMax,
    scale,
    zeroCount,
    positive: { offset, bucketCounts },
    negative: { offset: 0, bucketCounts: [] },
  }
}
