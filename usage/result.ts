import * as z from 'zod'
import { mergeInto, quantile, type Sketch } from '../record/sketch.ts'
import type { StoreAnswer } from '../sinks/store/read.ts'
import { isQuantile, type Metric, metricNames, quantiles } from './metric.ts'
import type { UsageQuery } from './query.ts'

const measured = z.record(z.string(), z.number().nullable())

/** The answer to a usage question, as the API gives it. */
export const usageResult = z.object({
  from: z.string().describe('Begin of the time, inclusive'),
  to: z.string().describe('End of the time, exclusive'),
  as_of: z
    .string()
    .nullable()
    .describe(
      'When the newest record came in: what was under way then is not in the numbers. Null while there is none',
    ),
  metrics: z.array(z.enum(metricNames)),
  by: z.array(z.string()),
  rows: z
    .array(z.record(z.string(), z.union([z.string(), z.number(), z.null()])))
    .describe(
      'The groups with most of the first metric: dimensions and metrics by their names; null where there is nothing to compute a metric from',
    ),
  other: measured
    .nullable()
    .describe(
      'All groups that are not among the rows, summed up, and how many `groups` they are; null where there is none',
    ),
  total: measured.describe('Everything. For every metric that is a sum, rows and other add up to it'),
  coverage: z.object({
    complete: z
      .boolean()
      .describe('Whether all that came in of this time is in the numbers: false where the store let go of some'),
    complete_from: z.string().nullable().describe('Of what came in before this, some is gone; null while nothing is'),
    sampled: z.boolean().describe('Whether some records stand for several requests: then the numbers are estimates'),
  }),
})

export type UsageResult = z.output<typeof usageResult>

const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)
const rowType = z.looseObject({
  kind: z.enum(['group', 'bucket', 'consumers', 'all_consumers']),
  slot: z.bigint().nullable(),
  groups: z.bigint().nullish().transform(Number),
  calls: count,
  counted: count,
  failed: count,
  bytes_in: count,
  bytes_out: count,
  sampled: z.boolean().nullish().transform(Boolean),
  bucket: z.number().nullish(),
  sketched: count,
  consumers: z
    .bigint()
    .nullish()
    .transform((value) => Number(value ?? 0)),
})
const rowsType = z.array(rowType)
type AnswerRow = z.output<typeof rowType>

/** What metrics are computed from. */
interface Sums {
  readonly calls: number
  readonly counted: number
  readonly failed: number
  readonly bytes_in: number
  readonly bytes_out: number
  readonly consumers: number
  readonly sketch: Sketch
}

/** Makes the result of a query from its statement's answer. */
export function toResult(query: UsageQuery, answer: StoreAnswer): UsageResult {
  const rows = rowsType.parse(answer.rows)
  const groups = rows.filter(({ kind }) => kind === 'group')
  const top = groups.filter(({ slot }) => slot !== null).sort((a, b) => Number(a.slot) - Number(b.slot))
  const rest = groups.find(({ slot }) => slot === null)
  const measure = (sums: Sums) => Object.fromEntries(query.metrics.map((metric) => [metric, valueIn(metric, sums)]))
  return {
    from: iso(query.fromMs),
    to: iso(query.toMs),
    as_of: answer.receivedAtMs === undefined ? null : iso(answer.receivedAtMs),
    metrics: [...query.metrics],
    by: [...query.by],
    rows: top.map((row) => ({ ...dimensionsOf(query, row), ...measure(sumsOf(row, rows)) })),
    other: query.by.length > 0 && rest ? { groups: rest.groups, ...measure(sumsOf(rest, rows)) } : null,
    total: measure(totalOf(groups, rows)),
    coverage: {
      complete: query.fromMs >= answer.completeFromMs,
      complete_from: answer.completeFromMs > 0 ? iso(answer.completeFromMs) : null,
      sampled: groups.some(({ sampled }) => sampled),
    },
  }
}

/** A group's sums, with what the answer says of its slot in other rows. */
function sumsOf(group: AnswerRow, rows: readonly AnswerRow[]): Sums {
  const ofSlot = rows.filter(({ slot }) => slot === group.slot)
  return {
    ...group,
    consumers: ofSlot.find(({ kind }) => kind === 'consumers')?.consumers ?? 0,
    sketch: sketchOf(ofSlot),
  }
}

function totalOf(groups: readonly AnswerRow[], rows: readonly AnswerRow[]): Sums {
  const sum = (name: 'calls' | 'counted' | 'failed' | 'bytes_in' | 'bytes_out') =>
    groups.reduce((total, group) => total + group[name], 0)
  return {
    calls: sum('calls'),
    counted: sum('counted'),
    failed: sum('failed'),
    bytes_in: sum('bytes_in'),
    bytes_out: sum('bytes_out'),
    consumers: rows.find(({ kind }) => kind === 'all_consumers')?.consumers ?? 0,
    sketch: sketchOf(rows),
  }
}

function sketchOf(rows: readonly AnswerRow[]): Sketch {
  const sketch: Sketch = new Map()
  for (const { kind, bucket, sketched } of rows) {
    if (kind === 'bucket' && typeof bucket === 'number') mergeInto(sketch, new Map([[bucket, sketched]]))
  }
  return sketch
}

function dimensionsOf({ by }: UsageQuery, row: AnswerRow): Record<string, string | number> {
  return Object.fromEntries(by.map((name, i) => [name, row[`d${i}`] as string | number])) // columns of the statement
}

function valueIn(metric: Metric, sums: Sums): number | null {
  if (isQuantile(metric)) {
    const micros = quantile(sums.sketch, quantiles[metric])
    return micros === undefined ? null : Math.round(micros) / 1000
  }
  const { counted, failed } = sums
  if (metric === 'error_rate') return counted > 0 ? failed / counted : null
  if (metric === 'success_rate') return counted > 0 ? 1 - failed / counted : null
  return sums[metric]
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
