import {
  FieldColorModeId,
  type FieldConfig,
  type Panel,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard'
import * as heatmaps from '@grafana/grafana-foundation-sdk/heatmap'
import * as stats from '@grafana/grafana-foundation-sdk/stat'
import * as timelines from '@grafana/grafana-foundation-sdk/statetimeline'
import * as lines from '@grafana/grafana-foundation-sdk/timeseries'
import type * as units from '@grafana/grafana-foundation-sdk/units'
import { type Link, ofSeries, toDataLinks } from './link.ts'
import type { Query, Target } from './query.ts'

export type Unit = Extract<(typeof units)[keyof typeof units], string>

/** What a person needs who looks at the panel at night. */
export interface About {
  readonly shows: string
  readonly normal: string
  /** What to do where it is not. */
  readonly act: string
}

/** From this value on, in this colour. */
export type Threshold = readonly [from: number, color: 'green' | 'yellow' | 'orange' | 'red']

export interface PanelSpec {
  /** One of its kind on the dashboard: the panel's id is made of it. */
  readonly title: string
  readonly about: About
  readonly unit: Unit
  /** What stands there when there is no data: why, and which setting fills it. */
  readonly noValue: string
  /** Of the 24 columns; as many as fit stand side by side. */
  readonly width?: number
  /** Rows of the grid. */
  readonly height?: number
  readonly decimals?: number
  readonly min?: number
  readonly max?: number
  /** Rising; below the first one all is well. */
  readonly thresholds?: readonly Threshold[]
  /** Words for values that are states. */
  readonly mappings?: readonly ValueMapping[]
}

/** A panel that has no place yet. */
export interface DraftPanel {
  readonly panel: Omit<Panel, 'targets' | 'id' | 'gridPos'>
  readonly targets: readonly Target[]
  readonly width: number
  readonly height: number
}

interface SeriesSpec<L extends string> extends PanelSpec {
  readonly queries: readonly Query<L>[]
  /** Ways onward from a series; every query has the labels that they need. */
  readonly links?: readonly Link<NoInfer<L>>[]
}

export interface LinesSpec<L extends string> extends SeriesSpec<L> {
  /** What its points are apart at least. */
  readonly minStep?: string
  /** How a series is called, where the query cannot say so itself. */
  readonly displayName?: string
  readonly isStacked?: boolean
  /** Colours of series by their names: failure is red on every panel. */
  readonly colors?: Readonly<Record<string, string>>
}

/** Lines over time. */
export function timeSeries<L extends string>(spec: LinesSpec<L>): DraftPanel {
  const { thresholds, isStacked = false, colors = {}, displayName, minStep } = spec
  const custom = {
    ...lines.defaultFieldConfig(),
    lineWidth: 1,
    fillOpacity: isStacked ? 40 : 8,
    showPoints: 'auto',
    spanNulls: false,
    stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: thresholds ? 'line' : 'off' },
  }
  const color = { mode: FieldColorModeId.PaletteClassic }
  return draft('timeseries', spec, {
    defaults: { min: 0, ...fieldOf(spec), ...(displayName ? { displayName } : {}), color, custom },
    overrides: Object.entries(colors).map(([name, fixedColor]) => ({
      matcher: { id: 'byName', options: name },
      properties: [{ id: 'color', value: { mode: 'fixed', fixedColor } }],
    })),
    options: { legend: legendTable, tooltip: { mode: 'multi', sort: 'desc' } },
    ...(minStep ? { interval: minStep } : {}),
  })
}

/** One number, or a few, with how they went. */
export function stat<L extends string>(spec: SeriesSpec<L>): DraftPanel {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
  return draft(
    'stat',
    { width: 4, height: 4, ...spec },
    {
      defaults: { ...fieldOf(spec), color: { mode: FieldColorModeId.Thresholds } },
      options: { ...stats.defaultOptions(), reduceOptions, colorMode: 'value' },
    },
  )
}

/** States over time, one row for each series. */
export function stateTimeline<L extends string>(
  spec: SeriesSpec<L> & { readonly mappings: readonly ValueMapping[] },
): DraftPanel {
  return draft('state-timeline', spec, {
    defaults: {
      ...fieldOf(spec),
      color: { mode: FieldColorModeId.Thresholds },
      custom: timelines.defaultFieldConfig(),
    },
    options: {
      ...timelines.defaultOptions(),
      showValue: 'never',
      legend: { ...legendTable, displayMode: 'list', calcs: [] },
    },
  })
}

/** How durations are spread, over time. */
export function heatmap(spec: Omit<SeriesSpec<'le'>, 'links'>): DraftPanel {
  return draft('heatmap', spec, {
    defaults: { ...fieldOf(spec), custom: heatmaps.defaultFieldConfig() },
    options: {
      ...heatmaps.defaultOptions(),
      yAxis: { unit: spec.unit, axisPlacement: 'left' },
      tooltip: { mode: 'single', yHistogram: true },
    },
  })
}

const legendTable = {
  showLegend: true,
  displayMode: 'table',
  placement: 'bottom',
  calcs: ['mean', 'max', 'lastNotNull'],
}

/** What all kinds of panels have in their fields. */
export function fieldOf(spec: PanelSpec & { readonly links?: readonly Link[] }): FieldConfig {
  const { unit, noValue, decimals, min, max, thresholds = [], mappings, links = [] } = spec
  return {
    unit,
    noValue,
    ...(decimals === undefined ? {} : { decimals }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(mappings ? { mappings: [...mappings] } : {}),
    thresholds: toThresholds(thresholds),
    ...(links.length > 0 ? { links: toDataLinks(links, ofSeries) as never } : {}), // the SDK takes them for links of a dashboard
  }
}

export function toThresholds(thresholds: readonly Threshold[]): NonNullable<FieldConfig['thresholds']> {
  const steps = thresholds.map(([value, color]) => ({ value, color }))
  return { mode: ThresholdsMode.Absolute, steps: [{ value: null, color: 'green' }, ...steps] }
}

/** How the field with a name looks, where it looks otherwise than the others. */
export interface Override {
  readonly matcher: { readonly id: string; readonly options: string }
  readonly properties: { readonly id: string; readonly value: unknown }[]
}

interface Visualization {
  readonly defaults: FieldConfig
  readonly overrides?: readonly Override[]
  readonly options: object
  readonly interval?: string
  readonly transformations?: NonNullable<Panel['transformations']>
}

export function draft(
  type: string,
  spec: SeriesSpec<string> | (PanelSpec & { readonly queries: readonly Query[] }),
  { defaults, overrides = [], ...visualization }: Visualization,
): DraftPanel {
  const { title, about, queries, width = 12, height = 8 } = spec
  const links: readonly Link[] = 'links' in spec ? (spec.links ?? []) : []
  for (const { labels, title: link } of links) {
    const lacking = queries.some((query) => labels.some((label) => !query.labels.includes(label)))
    if (lacking) throw new TypeError(`${title}: a query lacks a label that the link "${link}" needs.`)
  }
  const description = `${about.shows}\n\n**Normal:** ${about.normal}\n\n**What to do:** ${about.act}`
  return {
    panel: { type, title, description, ...visualization, fieldConfig: { defaults, overrides: [...overrides] } },
    targets: queries.map(({ target }) => target),
    width,
    height,
  }
}
