import type { DashboardFile, PanelFile, TargetFile, VariableFile } from './dashboard-file.ts'
import { interpolate, type Looking, secondsOf, timing, type Values, valuesOf } from './interpolate.ts'
import { PrometheusApi, type Series } from './prometheus-api.ts'

/** What a person would see if they opened the dashboard: empty panels, errors, legends with holes. */
export interface Verdict {
  readonly queries: number
  readonly faults: readonly string[]
  /** Series on the panel with the most. */
  readonly mostSeries: number
  /** Panels with traces to click. */
  readonly panelsWithExemplars: number
}

export interface VerifyOptions extends Looking {
  /** Address of the Prometheus that the dashboard reads. */
  readonly url: string
  /** Variables that are chosen otherwise than at first. */
  readonly chosen?: Values
}

/** More cannot be told apart, and slow the browser down. */
const maxSeries = 50

/** Panels that Grafana has from 10 to 13 without a plugin. */
const corePanels: ReadonlySet<string> = new Set([
  'row',
  'text',
  'timeseries',
  'stat',
  'gauge',
  'bargauge',
  'barchart',
  'histogram',
  'heatmap',
  'table',
  'piechart',
  'state-timeline',
  'status-history',
])

/** Runs every query of a dashboard over Prometheus as Grafana would. */
export async function verify(dashboard: DashboardFile, options: VerifyOptions): Promise<Verdict> {
  const chosen = new Map([['scrape', `${options.scrapeSeconds}s`], ...(options.chosen ?? [])])
  const { stepSeconds, values } = timing(options)
  const run: Run = {
    api: new PrometheusApi(options.url),
    looking: options,
    stepSeconds,
    values: new Map([...values, ...valuesOf(dashboard, chosen)]),
  }
  const panels = await Promise.all(dashboard.panels.map((panel) => verifyPanel(panel, run)))
  const faults = [
    ...panels.flatMap((panel) => panel.faults),
    ...(await verifyVariables(dashboard, run)),
    ...(await verifyAnnotations(dashboard, run)),
  ]
  return {
    queries: panels.reduce((sum, { queries }) => sum + queries, 0),
    faults: faults.map((fault) => `${dashboard.title}: ${fault}`),
    mostSeries: Math.max(0, ...panels.map(({ series }) => series)),
    panelsWithExemplars: panels.filter(({ exemplars }) => exemplars > 0).length,
  }
}

interface Run {
  readonly api: PrometheusApi
  readonly looking: Looking
  readonly stepSeconds: number
  readonly values: Values
}

interface PanelVerdict {
  readonly queries: number
  readonly faults: readonly string[]
  readonly series: number
  readonly exemplars: number
}

async function verifyPanel(panel: PanelFile, run: Run): Promise<PanelVerdict> {
  const { type, title, targets = [] } = panel
  const faults = corePanels.has(type) ? [] : [`${title}: Grafana has no panel of type ${type}`]
  if (type !== 'row' && type !== 'text' && targets.length === 0) faults.push(`${title}: nothing is asked`)
  const results = await Promise.all(targets.map((target) => verifyTarget(target, run)))
  for (const [i, { faults: found }] of results.entries())
    faults.push(...found.map((fault) => `${title} ${targets[i]?.refId}: ${fault}`))
  const total = (count: (result: TargetVerdict) => number) => results.reduce((sum, one) => sum + count(one), 0)
  const series = total((one) => one.series)
  const exemplars = total((one) => one.exemplars)
  if (series > maxSeries) faults.push(`${title}: ${series} series, of which nobody tells more than ${maxSeries} apart`)
  if (exemplars === 0 && targets.some(({ exemplar }) => exemplar)) faults.push(`${title}: no exemplars`)
  return { queries: targets.length, faults, series, exemplars }
}

interface TargetVerdict {
  readonly faults: readonly string[]
  readonly series: number
  readonly exemplars: number
}

async function verifyTarget(target: TargetFile, run: Run): Promise<TargetVerdict> {
  const { text, unresolved } = interpolate(target.expr ?? '', run.values)
  if (unresolved.length > 0) return failed(`no variable is called ${unresolved.join(', ')}`)
  const { fromSeconds, toSeconds } = run.looking
  const range = { fromSeconds, toSeconds, stepSeconds: run.stepSeconds }
  try {
    const series = target.instant ? await run.api.now(text, toSeconds) : await run.api.over(text, range)
    const exemplars = target.exemplar ? await run.api.exemplars(text, range) : 0
    return { faults: faultsOf(series, labelsIn(target.legendFormat), text), series: series.length, exemplars }
  } catch (error) {
    return failed(`${error instanceof Error ? error.message : error}, in ${text}`)
  }
}

const failed = (fault: string): TargetVerdict => ({ faults: [fault], series: 0, exemplars: 0 })

function faultsOf(series: readonly Series[], labels: readonly string[], text: string): string[] {
  if (series.length === 0) return [`no data, of ${text}`]
  if (series.every(({ values }) => values.every(Number.isNaN))) return [`nothing but NaN, of ${text}`]
  return labels
    .filter((label) => series.some((one) => !one.labels[label]))
    .map((label) => `the legend names ${label}, which a series lacks, in ${text}`)
}

function labelsIn(format = ''): string[] {
  return [...format.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label = '']) => label)
}

async function verifyVariables({ templating }: DashboardFile, { api, values }: Run): Promise<string[]> {
  const asked = templating.list.filter(({ type }) => type === 'query')
  const found = await Promise.all(asked.map((variable) => verifyVariable(variable, api, values)))
  return found.flat()
}

async function verifyVariable({ name, query }: VariableFile, api: PrometheusApi, values: Values): Promise<string[]> {
  const asked = typeof query === 'string' ? query : (query?.query ?? '')
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(asked) ?? []
  if (!selector || !label) return [`variable ${name}: "${asked}" is not understood`]
  const { text, unresolved } = interpolate(selector, values)
  if (unresolved.length > 0) return [`variable ${name}: no variable is called ${unresolved.join(', ')}`]
  const choices = await api.labelValues(text, label)
  return choices.length === 0 ? [`variable ${name}: nothing to choose from`] : []
}

async function verifyAnnotations({ annotations }: DashboardFile, run: Run): Promise<string[]> {
  const asked = annotations.list.filter(({ expr }) => expr !== undefined)
  const found = await Promise.all(
    asked.map(async ({ name, expr, step = '60s', titleFormat = '', textFormat = '' }) => {
      // Grafana asks for annotations in steps of their own.
      const stepSeconds = Math.min(secondsOf(step), run.stepSeconds)
      const target: TargetFile = {
        refId: name,
        datasource: { type: '', uid: '' },
        expr: expr ?? '',
        legendFormat: titleFormat + textFormat,
      }
      const { faults } = await verifyTarget(target, { ...run, stepSeconds })
      return faults.map((fault) => `annotation ${name}: ${fault}`)
    }),
  )
  return found.flat()
}
