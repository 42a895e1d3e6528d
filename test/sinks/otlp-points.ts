import type { Received } from '../services/collector.ts'
import type { KeyValue } from './otlp-place.ts'

/** OTLP's JSON of metrics, as far as ours use it. */
export interface Point {
  readonly attributes: readonly KeyValue[]
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
  readonly asDouble?: number
  readonly count?: string
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  readonly scale?: number
  readonly zeroCount?: string
  readonly positive?: { readonly offset?: number; readonly bucketCounts?: readonly string[] }
}

interface Metric {
  readonly name: string
  readonly unit: string
  readonly sum?: {
    readonly aggregationTemporality: number
    readonly isMonotonic: boolean
    readonly dataPoints: Point[]
  }
  readonly exponentialHistogram?: { readonly aggregationTemporality: number; readonly dataPoints: Point[] }
}

interface ResourceMetrics {
  readonly resource: { readonly attributes: readonly KeyValue[] }
  readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[]
}

export function resourcesIn(received: readonly Received[]): readonly ResourceMetrics[] {
  return received.flatMap(({ request }) => (request.resourceMetrics ?? []) as readonly ResourceMetrics[]) // of the metrics
}

export function metricsIn(received: readonly Received[]): Metric[] {
  return resourcesIn(received).flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
}

/** The data points of a metric, over all requests. */
export function pointsIn(received: readonly Received[], name: string): Point[] {
  return metricsIn(received)
    .filter((metric) => metric.name === name)
    .flatMap(({ sum, exponentialHistogram }) => (sum ?? exponentialHistogram)?.dataPoints ?? [])
}
