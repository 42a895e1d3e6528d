import * as z from 'zod'
import { durationBuckets, gatewayBuckets, latencyObjectives } from '../../metrics/records.ts'
import { declarationType } from './declaration.ts'
import { compile, fewestSeries } from './declared.ts'
import { toBuckets } from './histogram.ts'
import type { ShardOptions } from './shard.ts'
import { reservedSeries } from './traffic.ts'

const seconds = z.array(z.number().positive()).min(1).max(50)

export const prometheusOptions = z
  .strictObject({
    maxSeries: z
      .int()
      .positive()
      .default(100_000) // some 500 endpoints on two gateways and 200 consumers, with room for an outage; a page of 15 MB
      .describe(
        'Series that each shard of the buffer may become, buckets counted. Beyond it, new endpoints, consumers and label sets are counted under `__other__`; lowering it takes none away before it is idle',
      ),
    consumers: z
      .int()
      .nonnegative()
      .max(10_000)
      .default(200)
      .describe('Consumers with series of their own: half of the places go to the first, half to the heaviest'),
    durationBuckets: seconds
      .default([...durationBuckets])
      .describe('Upper bounds of the request and upstream duration histograms, seconds'),
    gatewayBuckets: seconds
      .default([...gatewayBuckets])
      .describe('Upper bounds of the gateway duration histogram, seconds'),
    latencyObjectives: z
      .array(z.number().positive())
      .max(10)
      .default([...latencyObjectives])
      .describe(
        'Latencies that you promise, seconds: each becomes a bound of the duration histograms, so that its share is exact',
      ),
    idleDays: z
      .number()
      .positive()
      .default(7)
      .describe(
        'A series without a request for this long goes and makes room; when it comes back it begins at 0. Days',
      ),
    metrics: z
      .array(declarationType)
      .max(100)
      .default([])
      .describe('Metrics of your own, from any field or tag of the record'),
  })
  .superRefine((options, context) => {
    const { metrics, maxSeries } = options
    for (const [i, { name }] of metrics.entries()) {
      if (metrics.findIndex((one) => one.name === name) < i)
        context.addIssue({ code: 'custom', path: ['metrics', i, 'name'], message: `"${name}" is declared twice.` })
    }
    const needed = neededSeries(options)
    if (maxSeries < needed)
      context.addIssue({
        code: 'custom',
        path: ['maxSeries'],
        message: `With these buckets and metrics at least ${needed} series are needed.`,
      })
  })

export type PrometheusOptions = z.output<typeof prometheusOptions>

/** Of the series: a quarter for consumers, and a quarter for declared metrics where there are any; the rest for endpoints. */
const consumersShare = 0.25
const declaredShare = 0.25

export function toShardOptions(options: PrometheusOptions): ShardOptions {
  const { maxSeries, consumers, metrics } = options
  const idleMs = options.idleDays * 24 * 3600 * 1000
  const declaredSeries = metrics.length > 0 ? Math.floor((maxSeries * declaredShare) / metrics.length) : 0
  const consumerSeries = Math.floor(maxSeries * consumersShare)
  return {
    traffic: {
      durations: toBuckets([...options.durationBuckets, ...options.latencyObjectives], 1_000_000),
      gateway: toBuckets(options.gatewayBuckets, 1_000_000),
      maxSeries: maxSeries - consumerSeries - declaredSeries * metrics.length,
      idleMs,
    },
    consumers: { consumers, maxSeries: consumerSeries, idleMs },
    declared: metrics.map((declaration) => compile(declaration, { maxSeries: declaredSeries, idleMs })),
  }
}

/** Enough that every group can show something beside its last resort. */
function neededSeries(options: PrometheusOptions): number {
  const { traffic, declared } = toShardOptions(options)
  const ofTraffic = (4 * reservedSeries(traffic)) / (1 - consumersShare - (declared.length > 0 ? declaredShare : 0))
  const ofDeclared = (Math.max(0, ...declared.map(fewestSeries)) * declared.length) / declaredShare
  return Math.ceil(Math.max(ofTraffic, ofDeclared))
}
