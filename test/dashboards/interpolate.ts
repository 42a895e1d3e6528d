import type { DashboardFile, VariableFile } from './dashboard-file.ts'

/** The time range that a dashboard is looked at with, and how often Prometheus scrapes. */
export interface Looking {
  readonly fromSeconds: number
  readonly toSeconds: number
  readonly scrapeSeconds: number
}

/** Points that Grafana asks for on a panel of usual width. */
const maxPoints = 1000

/** A variable as a query has it. */
const reference = /\$\{(?<braced>\w+)(?::\w+)?\}|\$(?<plain>\w+)/g

/** Values of variables, by name. */
export type Values = ReadonlyMap<string, string>

/** `15s` and the like, in seconds. */
export function secondsOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)(s|m|h|d)$/.exec(text) ?? []
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 }[unit]
  if (!factor) throw new Error(`"${text}" is no duration.`)
  return Number(count) * factor
}

/** What Grafana makes of the step and of its own variables: a rate spans four scrapes at least, and one more than the step. */
export function timing({ fromSeconds, toSeconds, scrapeSeconds }: Looking) {
  const rangeSeconds = toSeconds - fromSeconds
  const stepSeconds = Math.max(Math.ceil(rangeSeconds / maxPoints), scrapeSeconds)
  const rateSeconds = Math.max(stepSeconds + scrapeSeconds, 4 * scrapeSeconds)
  const values: Values = new Map([
    ['__rate_interval', `${rateSeconds}s`],
    ['__range', `${rangeSeconds}s`],
    ['__interval', `${stepSeconds}s`],
  ])
  return { stepSeconds, values }
}

/** The text with every variable in its place; a variable without a value is named in `unresolved`. */
export function interpolate(text: string, values: Values): { text: string; unresolved: readonly string[] } {
  const unresolved: string[] = []
  const replaced = text.replaceAll(reference, (whole, braced?: string, plain?: string) => {
    const name = braced ?? plain ?? ''
    const value = values.get(name)
    if (value === undefined) unresolved.push(name)
    return value ?? whole
  })
  return { text: replaced, unresolved }
}

/** What a variable holds at first: All where there is that, else its own choice. */
export function initialValue({ type, includeAll, allValue, current }: VariableFile): string | undefined {
  if (includeAll && allValue !== undefined) return allValue
  if (type === 'datasource' || type === 'query') return undefined
  return typeof current?.value === 'string' ? current.value : undefined
}

/** The variables of a dashboard as they are at first, those of `chosen` as there. */
export function valuesOf(dashboard: DashboardFile, chosen: Values): Values {
  const initial = dashboard.templating.list.flatMap((variable) => {
    const value = initialValue(variable)
    return value === undefined ? [] : [[variable.name, value] as const]
  })
  return new Map([
    ...initial,
    ...[...chosen].filter(([name]) => dashboard.templating.list.some((one) => one.name === name)),
  ])
}
