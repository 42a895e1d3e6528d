import type { Expr, Match } from '../metrics/promql.ts'
import type { VariableName } from './place.ts'

/** A query of a panel, as the data source reads it; its place among the panel's queries gives it a refId. */
export type Target = Readonly<Record<string, unknown>>

/** A query whose result has these labels. */
export interface Query<L extends string = string> {
  readonly labels: readonly L[]
  readonly target: Target
}

export const datasources = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's
  prometheus: { type: 'prometheus', uid: '${datasource}' },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's
  clickhouse: { type: 'grafana-clickhouse-datasource', uid: '${clickhouse}' },
} as const

/** The least step: a rate then always spans four scrapes, also where the data source does not know how often it scrapes. */
const minStep = '$scrape'

export interface LineNames<L extends string> {
  /** What the line is, where the panel has several queries. */
  readonly name?: string
  /** Labels that tell its series apart. */
  readonly legend?: readonly L[]
}

/** Values over the time range. `exemplars` asks for traces too, which only histograms have. */
export function line<L extends string>(
  expr: Expr<L>,
  { name, legend = [], exemplars = false }: LineNames<NoInfer<L>> & { readonly exemplars?: boolean },
): Query<L> {
  const legendFormat = [...(name ? [name] : []), ...legend.map((label) => `{{${label}}}`)].join(' ')
  if (!legendFormat) throw new TypeError(`${expr.text} needs a name or labels for its legend.`)
  const target = { expr: expr.text, legendFormat, range: true, instant: false, exemplar: exemplars, interval: minStep }
  return { labels: expr.labels, target: { ...prometheus, ...target } }
}

/** Values now, as rows of a table. */
export function cells<L extends string>(expr: Expr<L>): Query<L> {
  const target = { expr: expr.text, legendFormat: '', format: 'table', range: false, instant: true, interval: minStep }
  return { labels: expr.labels, target: { ...prometheus, ...target } }
}

/** The buckets of a histogram over time, by `le` alone. */
export function bucketRates(expr: Expr<'le'>): Query<'le'> {
  const target = { expr: expr.text, legendFormat: '{{le}}', format: 'heatmap', range: true, instant: false }
  return { labels: expr.labels, target: { ...prometheus, ...target, exemplar: true, interval: minStep } }
}

const prometheus = { datasource: datasources.prometheus, editorMode: 'code' }

/** SQL for ClickHouse: with a column `time` as lines by the text columns, otherwise as a table. */
export function sql(as: 'lines' | 'table', text: string): Query<never> {
  const isLines = as === 'lines'
  const kind = { queryType: isLines ? 'timeseries' : 'table', format: isLines ? 0 : 1 }
  return {
    labels: [],
    target: { datasource: datasources.clickhouse, editorType: 'sql', ...kind, rawSql: text.trim() },
  }
}

/** Only what the variables of these names have chosen, of the labels that are called like them. */
export function chosen<const V extends VariableName>(...names: readonly V[]): Readonly<Record<V, Match>> {
  return Object.fromEntries(names.map((name) => [name, ['=~', `$${name}`]])) as unknown as Record<V, Match> // fromEntries loses the names
}
