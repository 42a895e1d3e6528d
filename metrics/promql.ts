/**
 * PromQL over the catalogue: an expression knows the labels of its result, so that a query which names a metric or a label
 * that does not exist does not compile. Dashboards and alerts are made of these.
 */
import type { MetricDefinition } from './metric.ts'

/** What every scrape adds to a series. */
export type ScrapeLabel = 'job' | 'instance'

/** An expression whose result has these labels. */
export interface Expr<L extends string = string> {
  readonly text: string
  readonly labels: readonly L[]
  /** Binds more loosely than a function's result, so that it stands in brackets within another expression. */
  readonly isLoose?: true
}

/** Series by name: what functions over time take. */
export interface Selector<L extends string = string> extends Expr<L> {
  readonly isSelector: true
}

/** A value that a label must have, or a way to compare: `['=~', '5..']`. */
export type Match = string | readonly ['=' | '!=' | '=~' | '!~', string]
export type Matches<L extends string> = Readonly<Partial<Record<L | ScrapeLabel, Match>>>

/** `5m`, `1h`, or one of Grafana's variables. */
export type Window = Duration | '$__rate_interval' | '$__range' | '$__interval'
export type Duration = `${number}${'s' | 'm' | 'h' | 'd' | 'w'}` | `${number}h${number}m`

type Labelled<L extends string> = L | ScrapeLabel
type Definition<L extends string> = Pick<MetricDefinition<L>, 'name' | 'labels' | 'type'>

/** A counter's or gauge's series. */
export function series<L extends string>(
  { name, labels, type }: Definition<L>,
  matches?: Matches<L>,
): Selector<Labelled<L>> {
  if (type === 'histogram') throw new TypeError(`${name} is a histogram: ask for its buckets, sum or count.`)
  return selector(name, labels, matches)
}

/** The buckets of a histogram, by `le`. */
export function buckets<L extends string>(
  { name, labels, type }: Definition<L>,
  matches?: Matches<L | 'le'>,
): Selector<Labelled<L | 'le'>> {
  if (type !== 'histogram') throw new TypeError(`${name} is no histogram.`)
  return selector(`${name}_bucket`, [...labels, 'le' as const], matches)
}

/** Sum, or number, of what a histogram has observed. */
export function observed<L extends string>(
  part: 'sum' | 'count',
  { name, labels, type }: Definition<L>,
  matches?: Matches<L>,
): Selector<Labelled<L>> {
  if (type !== 'histogram') throw new TypeError(`${name} is no histogram.`)
  return selector(`${name}_${part}`, labels, matches)
}

/** Series of another exporter or of a recording rule, with the labels that they are known to have. */
export function selector<const L extends string>(
  name: string,
  labels: readonly L[],
  matches?: Matches<L>,
): Selector<Labelled<L>> {
  return { text: selectorText(name, matches), labels: [...labels, 'job', 'instance'], isSelector: true }
}

/** Series that a recording rule makes: with its labels alone, and none of a scrape. */
export function recorded<L extends string>(
  { name, labels }: { readonly name: string; readonly labels: readonly L[] },
  matches?: Readonly<Partial<Record<L, Match>>>,
): Selector<L> {
  return { text: selectorText(name, matches), labels, isSelector: true }
}

function selectorText(name: string, matches: Readonly<Record<string, Match | undefined>> = {}): string {
  const conditions = Object.entries(matches).map(([label, match = '']) => {
    const [operator, value] = typeof match === 'string' ? (['=', match] as const) : match
    return `${label}${operator}${JSON.stringify(value)}`
  })
  return conditions.length > 0 ? `${name}{${conditions.join(', ')}}` : name
}

const overTime =
  (name: string) =>
  <L extends string>(of: Selector<L>, window: Window = '$__rate_interval', offset?: Window): Expr<L> => ({
    text: `${name}(${of.text}[${window}]${offset ? ` offset ${offset}` : ''})`,
    labels: of.labels,
  })

export const rate = overTime('rate')
export const increase = overTime('increase')
export const changes = overTime('changes')
export const delta = overTime('delta')
export const maxOverTime = overTime('max_over_time')
export const minOverTime = overTime('min_over_time')
export const avgOverTime = overTime('avg_over_time')
export const sumOverTime = overTime('sum_over_time')

/** A window, when it ended, and how far apart its samples are taken: without a step all there are. */
export interface Past {
  readonly window: Duration
  readonly step?: Duration
  readonly offset?: Duration
}

function rangeText({ window, step, offset }: Past): string {
  return `[${window}${step ? `:${step}` : ''}]${offset ? ` offset ${offset}` : ''}`
}

/** A quantile of the values that a series had. */
export function quantileOverTime<L extends string>(q: number, of: Selector<L>, past: Past): Expr<L> {
  return { text: `quantile_over_time(${q}, ${of.text}${rangeText(past)})`, labels: of.labels }
}

/** How many values a series had. */
export function countOverTime<L extends string>(of: Selector<L>, past: Past): Expr<L> {
  return { text: `count_over_time(${of.text}${rangeText(past)})`, labels: of.labels }
}

const aggregation =
  (name: string) =>
  <L extends string, By extends L = never>(of: Expr<L>, ...by: readonly By[]): Expr<By> => ({
    text: `${name}${by.length > 0 ? ` by (${by.join(', ')}) ` : ''}(${of.text})`,
    labels: by,
  })

export const sum = aggregation('sum')
export const max = aggregation('max')
export const min = aggregation('min')
export const avg = aggregation('avg')
export const count = aggregation('count')

/** The k greatest at each moment. */
export function topk<L extends string>(k: number, of: Expr<L>): Expr<L> {
  return { text: `topk(${k}, ${of.text})`, labels: of.labels }
}

/** The k least at each moment. */
export function bottomk<L extends string>(k: number, of: Expr<L>): Expr<L> {
  return { text: `bottomk(${k}, ${of.text})`, labels: of.labels }
}

/** A quantile of a histogram's observations within a window, by some of its labels. */
export function quantile<L extends string, By extends Exclude<L, 'le'> = never>(
  q: number,
  of: Selector<L | 'le'>,
  window: Window,
  ...by: readonly By[]
): Expr<By> {
  return {
    text: `histogram_quantile(${q}, sum by (${[...by, 'le'].join(', ')}) (rate(${of.text}[${window}])))`,
    labels: by,
  }
}

const arithmetic =
  (operator: '+' | '-' | '*' | '/') =>
  <L extends string>(left: Expr<L>, right: Expr<L> | number): Expr<L> => ({
    text: `${inner(left)} ${operator} ${inner(right)}`,
    labels: left.labels,
    isLoose: true,
  })

export const plus = arithmetic('+')
export const minus = arithmetic('-')
export const times = arithmetic('*')
/** Both sides have the same labels. */
export const ratio = arithmetic('/')

/** How far from 0. */
export function absolute<L extends string>(of: Expr<L>): Expr<L> {
  return { text: `abs(${of.text})`, labels: of.labels }
}

/** What is left of 1. */
export function complement<L extends string>(of: Expr<L>): Expr<L> {
  return { text: `1 - ${inner(of)}`, labels: of.labels, isLoose: true }
}

/** Each of `of` as a share of the one on the right that has the same `on`. */
export function share<L extends string, On extends L>(of: Expr<L>, on: readonly On[], total: Expr<On>): Expr<L> {
  return {
    text: `${inner(of)} / on (${on.join(', ')}) group_left () ${inner(total)}`,
    labels: of.labels,
    isLoose: true,
  }
}

export type Comparison = '>' | '<' | '>=' | '<=' | '==' | '!='

/** Those of `left` for which the comparison holds. */
export function where<L extends string>(left: Expr<L>, comparison: Comparison, right: Expr<L> | number): Expr<L> {
  return { text: `${inner(left)} ${comparison} ${inner(right)}`, labels: left.labels, isLoose: true }
}

const setOperation =
  (name: 'and' | 'or' | 'unless') =>
  <L extends string>(left: Expr<L>, right: Expr<L>): Expr<L> => ({
    text: `${inner(left)} ${name} ${inner(right)}`,
    labels: left.labels,
    isLoose: true,
  })

export const and = setOperation('and')
export const or = setOperation('or')
export const unless = setOperation('unless')

/** As `where`, `and`, `unless` and `times`, for sides that have only the labels `on` in common; the labels of the left one stay. */
export function whereOn<L extends string, R extends string>(
  left: Expr<L>,
  comparison: Comparison,
  on: readonly (L & R)[],
  right: Expr<R>,
): Expr<L> {
  return joined(left, comparison, on, right)
}

export function andOn<L extends string, R extends string>(
  left: Expr<L>,
  on: readonly (L & R)[],
  right: Expr<R>,
): Expr<L> {
  return joined(left, 'and', on, right)
}

export function unlessOn<L extends string, R extends string>(
  left: Expr<L>,
  on: readonly (L & R)[],
  right: Expr<R>,
): Expr<L> {
  return joined(left, 'unless', on, right)
}

export function timesOn<L extends string, R extends string>(
  left: Expr<L>,
  on: readonly (L & R)[],
  right: Expr<R>,
): Expr<L> {
  return joined(left, '*', on, right, 'group_left () ')
}

function joined<L extends string>(
  left: Expr<L>,
  operator: string,
  on: readonly string[],
  right: Expr,
  group = '',
): Expr<L> {
  const text = `${inner(left)} ${operator} on (${on.join(', ')}) ${group}${inner(right)}`
  return { text, labels: left.labels, isLoose: true }
}

/** The time of the evaluation, Unix seconds. */
export const now: Expr<never> = { text: 'time()', labels: [] }

/** The same value with one label more. */
export function labelled<L extends string, More extends string>(
  of: Expr<L>,
  label: More,
  value: string,
): Expr<L | More> {
  return {
    text: `label_replace(${of.text}, "${label}", ${JSON.stringify(value)}, "", "")`,
    labels: [...of.labels, label],
  }
}

/** A quantile across series, by some of their labels. */
export function quantileAcross<L extends string, By extends L>(q: number, of: Expr<L>, ...by: readonly By[]): Expr<By> {
  return { text: `quantile by (${by.join(', ')}) (${q}, ${of.text})`, labels: by }
}

/** As it was this long ago. */
export function offset<L extends string>(of: Selector<L>, by: Duration): Expr<L> {
  return { text: `${of.text} offset ${by}`, labels: of.labels }
}

/** Of those without a value, 0 for each that `known` has. */
export function orZero<L extends string>(of: Expr<L>, known: Expr<L>): Expr<L> {
  return or(of, times(known, 0))
}

/** 1 where there is no such series. */
export function absent<L extends string>(of: Selector<L>): Expr<L> {
  return { text: `absent(${of.text})`, labels: of.labels }
}

function inner(side: Expr | number): string {
  if (typeof side === 'number') return String(side)
  return side.isLoose ? `(${side.text})` : side.text
}
