/** A number that the usage API can tell of any part of the traffic. Every value is exact but the quantiles, which are off by 1.09 % at most. */
export interface MetricDefinition {
  readonly doc: string
  readonly unit: 'calls' | 'ratio' | 'milliseconds' | 'bytes' | 'consumers'
}

/** Every metric, in the order of the docs. */
export const metrics = {
  calls: { doc: 'Requests', unit: 'calls' },
  failed: { doc: 'Requests that failed through the service’s own fault', unit: 'calls' },
  success_rate: { doc: '1 − failed / requests that the client did not abort; null where there is none', unit: 'ratio' },
  error_rate: { doc: 'failed / requests that the client did not abort; null where there is none', unit: 'ratio' },
  p50: { doc: 'Median of the total duration', unit: 'milliseconds' },
  p95: { doc: 'Total duration that 95 % of requests do not exceed', unit: 'milliseconds' },
  p99: { doc: 'Total duration that 99 % of requests do not exceed', unit: 'milliseconds' },
  bytes_in: { doc: 'Body bytes received from clients', unit: 'bytes' },
  bytes_out: { doc: 'Body bytes sent to clients', unit: 'bytes' },
  consumers: { doc: 'Different consumers; requests without one are not counted', unit: 'consumers' },
} as const satisfies Record<string, MetricDefinition>

export type Metric = keyof typeof metrics

export const metricNames = Object.keys(metrics) as Metric[] // Object.keys loses the key type

/** The share of requests that each quantile is about. */
export const quantiles = { p50: 0.5, p95: 0.95, p99: 0.99 } as const satisfies Partial<Record<Metric, number>>

export type Quantile = keyof typeof quantiles

export function isQuantile(metric: Metric): metric is Quantile {
  return metric in quantiles
}
