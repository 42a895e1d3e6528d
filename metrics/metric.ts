import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** A metric as the catalogue declares it: once, for code, dashboards and alerts alike. */
export interface MetricDefinition<Label extends string = string> {
  /** Base unit and kind in the name: `_seconds`, `_bytes`, `_total`. */
  readonly name: `penstock_${string}` | `process_${string}`
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** The cardinality budget: adding a label is a reviewed change of this line. */
  readonly labels: readonly Label[]
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[]
}

/** Declares a metric. */
export function metric<const Label extends string>(definition: MetricDefinition<Label>): MetricDefinition<Label> {
  return definition
}

/** A catalogue metric as prom-client's, in `registry`; `collect` brings it up to date at scrape time, after a `reset`. */
export function toCounter<L extends string>(
  definition: MetricDefinition<L>,
  registry: Registry,
  collect?: (counter: Counter<L>) => void | Promise<void>,
): Counter<L> {
  const counter: Counter<L> = new Counter({
    ...described(definition, 'counter'),
    registers: [registry],
    ...(collect ? { collect: () => collect(counter) } : {}),
  })
  return counter
}

/** As `toCounter`, for a gauge. */
export function toGauge<L extends string>(
  definition: MetricDefinition<L>,
  registry: Registry,
  collect?: (gauge: Gauge<L>) => void | Promise<void>,
): Gauge<L> {
  const gauge: Gauge<L> = new Gauge({
    ...described(definition, 'gauge'),
    registers: [registry],
    ...(collect ? { collect: () => collect(gauge) } : {}),
  })
  return gauge
}

/** As `toCounter`, for a histogram. */
export function toHistogram<L extends string>(definition: MetricDefinition<L>, registry: Registry): Histogram<L> {
  if (!definition.buckets) throw new TypeError(`${definition.name} declares no buckets.`)
  return new Histogram({
    ...described(definition, 'histogram'),
    buckets: [...definition.buckets],
    registers: [registry],
  })
}

function described<L extends string>(definition: MetricDefinition<L>, type: MetricDefinition['type']) {
  if (definition.type !== type)
    throw new TypeError(`${definition.name} is declared as a ${definition.type}, not a ${type}.`)
  return { name: definition.name, help: definition.help, labelNames: definition.labels }
}
