import { FieldColorModeId, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import * as tables from '@grafana/grafana-foundation-sdk/table'
import { type Expr, topk } from '../metrics/promql.ts'
import { type Link, ofRow, toDataLinks } from './link.ts'
import {
  type DraftPanel,
  draft,
  fieldOf,
  type Override,
  type PanelSpec,
  type Threshold,
  toThresholds,
  type Unit,
} from './panel.ts'
import { cells, type Query } from './query.ts'

interface ColumnLook {
  readonly title: string
  readonly unit?: Unit
  readonly decimals?: number
  readonly thresholds?: readonly Threshold[]
  readonly mappings?: readonly ValueMapping[]
  /** Ways onward from a cell of the column. */
  readonly links?: readonly Link[]
}

/** How the column with this title looks. */
function overrideOf({ title, unit, decimals, thresholds, mappings, links }: ColumnLook): Override {
  const properties: Override['properties'] = []
  if (unit !== undefined) properties.push({ id: 'unit', value: unit })
  if (decimals !== undefined) properties.push({ id: 'decimals', value: decimals })
  if (links) properties.push({ id: 'links', value: toDataLinks(links, ofRow) })
  if (mappings) properties.push({ id: 'mappings', value: mappings })
  if (thresholds || mappings) {
    properties.push({ id: 'thresholds', value: toThresholds(thresholds ?? []) })
    properties.push({ id: 'color', value: { mode: FieldColorModeId.Thresholds } })
    properties.push({ id: 'custom.cellOptions', value: { type: 'color-text' } })
  }
  return { matcher: { id: 'byName', options: title }, properties }
}

/** A column of labels. */
export interface LabelColumn<L extends string> {
  readonly title: string
  readonly links?: readonly Link<L>[]
  readonly mappings?: readonly ValueMapping[]
}

/** A column of values, one for each row. */
export interface ValueColumn<L extends string> extends Omit<ColumnLook, 'links' | 'unit'> {
  readonly unit: Unit
  /** It has the labels of the table's rows, and no others. */
  readonly expr: Expr<L>
}

export interface TableSpec<L extends string> extends Omit<PanelSpec, 'unit' | 'thresholds' | 'mappings'> {
  /** Labels that make a row. */
  readonly rows: { readonly [K in L]: LabelColumn<NoInfer<L>> }
  readonly columns: readonly ValueColumn<NoInfer<L>>[]
  /** Title of the column whose greatest value stands first, or its least. */
  readonly sortBy: string | { readonly title: string; readonly isDescending: false }
}

const labelUnit = 'string'

/** Rows by labels, with the values that they have now. */
export function table<L extends string>({ rows, columns, sortBy, ...spec }: TableSpec<L>): DraftPanel {
  const labels = Object.keys(rows) as L[] // the keys are declared as these
  for (const { expr, title } of columns) {
    if ([...expr.labels].sort().join() !== [...labels].sort().join())
      throw new TypeError(
        `${spec.title}: column ${title} has the labels ${expr.labels.join(', ')}, its rows ${labels.join(', ')}.`,
      )
  }
  // With one query Grafana calls its column Value, with several Value #A and so on.
  const names = columns.map((_, i) => (columns.length === 1 ? 'Value' : `Value #${String.fromCharCode(65 + i)}`))
  const titles = [
    ...labels.map((label) => [label, rows[label].title] as const),
    ...columns.map(({ title }, i) => [names[i] ?? '', title] as const),
  ]
  const overrides = [
    ...labels.map((label) => overrideOf({ ...rows[label], unit: labelUnit })),
    ...columns.map((column) => overrideOf(column)),
  ]
  return toTable(
    spec,
    columns.map(({ expr }) => cells(expr)),
    { titles, overrides, sortBy, transforms: [{ id: 'merge', options: {} }] },
  )
}

/** A column of what SQL returns. */
export interface SqlColumn<C extends string> extends Omit<ColumnLook, 'links'> {
  readonly links?: readonly Link<C>[]
}

export interface SqlTableSpec<C extends string> extends Omit<PanelSpec, 'unit' | 'thresholds' | 'mappings'> {
  readonly query: Query<never>
  /** By the names that the SQL gives them. */
  readonly columns: { readonly [K in C]: SqlColumn<NoInfer<C>> }
}

/** Rows as SQL returns them, in its order. */
export function sqlTable<C extends string>({ query, columns, ...spec }: SqlTableSpec<C>): DraftPanel {
  const entries = Object.entries<SqlColumn<C>>(columns)
  return toTable(spec, [query], {
    titles: entries.map(([name, { title }]) => [name, title]),
    overrides: entries.map(([, column]) => overrideOf({ unit: labelUnit, ...column })),
    transforms: [],
  })
}

export interface SqlMatrixSpec extends PanelSpec {
  readonly query: Query<never>
  /** Columns of the SQL. */
  readonly row: string
  readonly column: string
  readonly value: string
}

/** What two columns of SQL name, crossed: the values of one become rows, those of the other columns. */
export function sqlMatrix({ query, row, column, value, ...spec }: SqlMatrixSpec): DraftPanel {
  const crossed = { rowField: row, columnField: column, valueField: value, emptyValue: 'zero' }
  const custom = { ...tables.defaultFieldConfig(), cellOptions: { type: 'color-background' } }
  return draft(
    'table',
    { height: 12, width: 24, ...spec, queries: [query] },
    {
      defaults: { ...fieldOf(spec), color: { mode: FieldColorModeId.ContinuousBlues }, custom },
      options: tables.defaultOptions(),
      transformations: [{ id: 'groupingToMatrix', options: crossed }],
    },
  )
}

interface Arrangement {
  readonly titles: readonly (readonly [name: string, title: string])[]
  readonly overrides: readonly Override[]
  readonly sortBy?: TableSpec<string>['sortBy']
  readonly transforms: readonly { readonly id: string; readonly options: object }[]
}

function toTable(
  spec: Omit<PanelSpec, 'unit' | 'thresholds' | 'mappings'>,
  queries: readonly Query[],
  { titles, overrides, sortBy, transforms }: Arrangement,
): DraftPanel {
  const organize = {
    excludeByName: { Time: true },
    indexByName: Object.fromEntries(titles.map(([name], i) => [name, i])),
    renameByName: Object.fromEntries(titles),
  }
  const field = { ...spec, unit: 'short' } as const
  return draft(
    'table',
    { width: 24, ...field, queries },
    {
      defaults: { ...fieldOf(field), custom: { ...tables.defaultFieldConfig(), filterable: true } },
      overrides,
      options: { ...tables.defaultOptions(), ...(sortBy ? { sortBy: [toSorting(sortBy)] } : {}) },
      transformations: [...transforms, { id: 'organize', options: organize }],
    },
  )
}

function toSorting(sortBy: TableSpec<string>['sortBy']): { displayName: string; desc: boolean } {
  if (typeof sortBy === 'string') return { displayName: sortBy, desc: true }
  return { displayName: sortBy.title, desc: sortBy.isDescending }
}

/** Rows of a table that are shown: more than a person reads, and few enough for the browser. */
export const maxRows = 50
/** Lines of a panel that can be told apart. */
export const maxLines = 10

export const topLines = <L extends string>(of: Expr<L>): Expr<L> => topk(maxLines, of)
export const topRows = <L extends string>(of: Expr<L>): Expr<L> => topk(maxRows, of)
