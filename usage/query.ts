import * as z from 'zod'
import { didYouMean } from '../runtime/suggest.ts'
import { type Dimension, dimensionNames, isDimension } from './dimension.ts'
import { type Filter, FilterError, parseFilters } from './filter.ts'
import { type Metric, metricNames } from './metric.ts'

/** What is asked of the traffic, checked and complete. */
export interface UsageQuery {
  /** At least one. The first one orders the rows, the greatest value first. */
  readonly metrics: readonly Metric[]
  readonly by: readonly Dimension[]
  readonly filters: readonly Filter[]
  /** Requests that started at or after `fromMs` and before `toMs`, Unix milliseconds. */
  readonly fromMs: number
  readonly toMs: number
  readonly limit: number
}

/** Four: the statement joins and orders by each, and nobody reads a table of more. */
const maxDimensions = 4
const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

const names = <T extends string>(what: string, known: readonly T[], isKnown: (name: string) => name is T) =>
  z.string().transform((text, context) => {
    const list = text.split(',').flatMap((name) => name.trim() || [])
    for (const name of list) {
      if (!isKnown(name)) {
        const all = `There are ${known.join(', ')}.`
        context.addIssue(`There is no ${what} "${name}".${didYouMean(name, known) || ` ${all}`}`)
      }
    }
    return [...new Set(list.filter(isKnown))]
  })

const isMetric = (name: string): name is Metric => metricNames.some((known) => known === name)

/** A time, as Unix milliseconds. */
export const moment = z.string().transform((text, context) => {
  const ms = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(ms) || ms < 0 || !isDay(text.slice(0, 10))) {
    context.addIssue(`"${text}" is no time: write it as 2026-11-21T09:00:00Z, or as 2026-11-21 for midnight in UTC.`)
  }
  return ms
})

/** Whether the calendar has it: Date.parse takes February 31st for a day of March. */
function isDay(text: string): boolean {
  return new Date(text).toISOString().startsWith(text)
}

/** A span of time, milliseconds. */
export const span = z.string().transform((text, context) => {
  const { count, unit } = /^(?<count>[1-9]\d{0,5})(?<unit>[smhdw])$/.exec(text)?.groups ?? {}
  const ms = Number(count) * unitMs[(unit ?? 's') as keyof typeof unitMs] // the pattern admits its keys only
  if (!unit) context.addIssue(`"${text}" is no span of time: write it as 90s, 30m, 1h, 7d or 4w.`)
  return ms
})

const filters = z.string().transform((text, context): Filter[] => {
  try {
    return parseFilters(text)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    context.addIssue(error.message)
    return []
  }
})

/** A usage question as an address or a command line gives it. */
export const usageParameters = z.strictObject({
  metric: names('metric', metricNames, isMetric)
    .refine((list) => list.length > 0, 'Name at least one metric, such as calls.')
    .prefault('calls,success_rate,p50,p95')
    .describe(
      `Metrics, separated by commas: ${metricNames.join(', ')}. The first one orders the rows, the greatest first.`,
    ),
  by: names('dimension', dimensionNames, isDimension)
    .refine((list) => list.length <= maxDimensions, `At most ${maxDimensions} dimensions can be crossed.`)
    .optional()
    .describe(`Up to ${maxDimensions} dimensions, separated by commas: ${dimensionNames.join(', ')}, or tags.NAME.`),
  filter: filters
    .optional()
    .describe(
      'Conditions that must all hold, separated by semicolons, such as status>=500;consumer==acme,globex;tags.tier!=free. A backslash takes the next character as it is.',
    ),
  last: span
    .optional()
    .describe('The time up to now, such as 90s, 30m, 1h, 7d or 4w. Default 1h, where no from is given.'),
  from: moment.optional().describe('Begin of the time, inclusive, such as 2026-11-21T09:00:00Z or 2026-11-21.'),
  to: moment.optional().describe('End of the time, exclusive. Default now.'),
  limit: z.coerce
    .number('limit is a whole number from 1 to 1000.')
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe('Rows at most; the rest is summed up in `other`.'),
})

/** Parameters contradict each other. */
export class QueryError extends Error {
  override readonly name = 'QueryError'
  readonly parameter: string
  constructor(parameter: string, message: string) {
    super(message)
    this.parameter = parameter
  }
}

/** Settles what parameters leave open. Throws QueryError where their times make no sense. */
export function toQuery(parameters: z.output<typeof usageParameters>, nowMs: number): UsageQuery {
  const { metric, by = [], filter = [], last, from, to, limit } = parameters
  if (last !== undefined && (from !== undefined || to !== undefined)) {
    throw new QueryError('last', 'Give either last, or from and to.')
  }
  if (to !== undefined && from === undefined) {
    throw new QueryError('from', 'A time with an end needs a beginning: give from.')
  }
  const toMs = to ?? nowMs
  const fromMs = Math.max(0, from ?? toMs - (last ?? unitMs.h))
  if (fromMs >= toMs) throw new QueryError('from', 'The time ends before it begins.')
  return { metrics: metric, by, filters: filter, fromMs, toMs, limit }
}
