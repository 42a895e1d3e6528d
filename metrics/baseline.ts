import {
  and,
  avgOverTime,
  buckets,
  type Comparison,
  countOverTime,
  type Duration,
  type Expr,
  labelled,
  minus,
  or,
  plus,
  quantile,
  quantileAcross,
  quantileOverTime,
  recorded,
  type Selector,
  times,
  unless,
  where,
} from './promql.ts'
import { failedRatio, type Recorded, requestsRate } from './recorded.ts'
import { recordMetrics } from './records.ts'

/** What is usual for an api at this hour, and from which value on it is out of the usual. */
export interface Baseline {
  /** What is compared. */
  readonly signal: Recorded<'api'>
  /** The median of the same hour of the last four weeks; it has no value in the first week. */
  readonly season: Recorded<'api'>
  /** The greatest usual value. */
  readonly upper: Recorded<'api'>
}

/** Half more than usual is still usual: what is below is noise, or growth. */
const margin = 1.5

/** Half an hour to either side of the same time, one to four weeks ago. */
const sameHour: readonly Duration[] = ['167h30m', '335h30m', '503h30m', '671h30m']

/** A week, so that Monday is not compared with a Sunday alone; an hour between samples keeps it cheap, and 15 minutes pass before what happens now counts as usual. */
const past = { window: '7d', step: '1h', offset: '15m' } as const
/** A day of history: with less the band would not know that there are nights. */
const fewestHours = 24

function seasonOf(signal: Recorded<'api'>): Expr<'api'> {
  const weeks = sameHour
    .map((offset, i) => labelled(avgOverTime(recorded(signal), '1h', offset), 'week', String(i + 1)))
    .reduce((all, week) => or(all, week))
  return quantileAcross(0.5, weeks, 'api')
}

/** Without a season: the median and, by half more, the way from it to what only a twentieth of the hours exceeded. */
function robustOf(signal: Selector<'api'>): Expr<'api'> {
  const median = quantileOverTime(0.5, signal, past)
  const way = minus(quantileOverTime(0.95, signal, past), median)
  const band = greatest(plus(median, times(way, margin)), times(median, margin))
  return and(band, where(countOverTime(signal, past), '>=', fewestHours))
}

/** The greater of two at each label set; `left` decides which there are. */
function greatest<L extends string>(left: Expr<L>, right: Expr<L>): Expr<L> {
  const comparison: Comparison = '>'
  return or(where(left, comparison, right), right)
}

interface BaselineParts {
  readonly noun: string
  readonly signal: Recorded<'api'>
  readonly slack: number
  readonly unknown?: number
}

/** `slack` is what may always be added: small numbers jump by more than half. `unknown` is the bound while there is no history at all. */
function baseline({ noun, signal, slack, unknown }: BaselineParts): Baseline {
  const season: Recorded<'api'> = {
    name: `penstock:${noun}:season`,
    help: 'Median of the same hour of the last four weeks',
    labels: ['api'],
    expr: seasonOf(signal),
  }
  const usual = or(times(recorded(season), margin), unless(robustOf(recorded(signal)), recorded(season)))
  const bound = plus(usual, slack)
  const anywhere = unknown === undefined ? undefined : plus(times(recorded(requestsRate), 0), unknown)
  const upper: Recorded<'api'> = {
    name: `penstock:${noun}:upper`,
    help: 'Greatest usual value, by the same hour of past weeks or, in the first week, by the days there are',
    labels: ['api'],
    expr: anywhere ? or(bound, anywhere) : bound,
  }
  return { signal, season, upper }
}

/** The 95th percentile of how long answers took. */
export const latencyP95: Recorded<'api'> = {
  name: 'penstock:request_duration_seconds:p95_rate5m',
  help: 'Time within which 95 % of the requests of 5m were answered, without those that ended in a server error',
  labels: ['api'],
  expr: quantile(0.95, buckets(recordMetrics.requestDuration, { status_class: ['!=', '5xx'] }), '5m', 'api'),
}

export const baselines = {
  /** 1 request/s: below it, a single client makes a spike. */
  traffic: baseline({ noun: 'requests', signal: requestsRate, slack: 1 }),
  /** 2 %: an api that fails at one in a thousand may fail at twenty for a moment; 5 % in the first day, as the fixed threshold says. */
  errors: baseline({ noun: 'failed_requests', signal: failedRatio('5m'), slack: 0.02, unknown: 0.05 }),
  /** 50 ms: less is not felt. */
  latency: baseline({ noun: 'request_duration_seconds', signal: latencyP95, slack: 0.05 }),
} as const
