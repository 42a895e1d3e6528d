import { baselines, latencyP95 } from '../metrics/baseline.ts'
import type { Match } from '../metrics/promql.ts'
import {
  answersRate,
  failedRate,
  failedRatio,
  type Recorded,
  requestsRate,
  type SloWindow,
  sloWindows,
  slowRate,
  slowRatio,
} from '../metrics/recorded.ts'
import { latencyObjectives } from '../metrics/records.ts'
import { type Budget, type Constant, capacity, sloBudget, sloPace } from '../metrics/slo.ts'
import { type AlertOptions, type Terms, termsOf } from './options.ts'
import type { RecordingRule, RuleGroup } from './rule.ts'

const longWindows: readonly SloWindow[] = ['1d', '3d', '30d']
const shortWindows = sloWindows.filter((window) => window !== '5m' && !longWindows.includes(window))

/** What alerts and dashboards read, from what records became. Longer windows move slower, so that they are computed less often; 2 minutes leave no gap within the 5 that Prometheus looks back. */
export function recordingGroups(options: AlertOptions): RuleGroup[] {
  const bounds = boundsOf(options)
  const shares = (windows: readonly SloWindow[]) =>
    windows.flatMap((window) => [failedRatio(window), ...bounds.map((bound) => slowRatio(bound, window))])
  const rates = [requestsRate, failedRate, answersRate, ...bounds.map(slowRate), latencyP95, ...shares(['5m'])]
  const usual = Object.values(baselines).flatMap(({ season, upper }) => [season, upper])
  return [
    toGroup('penstock-rates', '30s', [...rates, ...promises(options)]),
    toGroup('penstock-windows', '1m', shares(shortWindows)),
    toGroup('penstock-long-windows', '2m', shares(longWindows)),
    toGroup('penstock-baselines', '2m', usual),
  ]
}

/** Those that somebody promises, and those that dashboards show. */
function boundsOf({ slo, apis }: AlertOptions): number[] {
  const promised = Object.values(apis).flatMap(({ latencySeconds }) => latencySeconds ?? [])
  return [...new Set([...latencyObjectives, slo.latencySeconds, ...promised])].sort((a, b) => a - b)
}

/** What each api promises: one rule for those that promise answers within the same bound. */
function promises(options: AlertOptions): Recorded[] {
  const usual = termsOf(options, '')
  const terms = Object.keys(options.apis).map((name) => ({ name, ...termsOf(options, name) }))
  const availability = sharesOf(terms, usual.availability, (api) => api.availability)
  const isUsual = (api: Terms) => api.latencySeconds === usual.latencySeconds && api.latency === usual.latency
  const byBound = Map.groupBy(
    terms.filter((api) => !isUsual(api)),
    ({ latencySeconds }) => latencySeconds,
  )
  const latency = [...new Set([usual.latencySeconds, ...byBound.keys()])].map((boundSeconds): Budget => {
    const own = valuesOf(byBound.get(boundSeconds) ?? [], (api) => toShare(api.latency))
    const others = terms.filter((api) => !isUsual(api)).map(({ name }) => name)
    const rest = { value: toShare(usual.latency), api: allBut(others) }
    return { slo: 'latency', boundSeconds, shares: boundSeconds === usual.latencySeconds ? [rest, ...own] : own }
  })
  const budgets: Budget[] = [{ slo: 'availability', shares: availability }, ...latency]
  const built = Object.entries(options.apis).flatMap(([name, { requestsPerSecond }]) =>
    requestsPerSecond === undefined ? [] : { name, requestsPerSecond },
  )
  return [
    ...budgets.flatMap((budget) => [sloBudget(budget), sloPace(budget, options.slo.windowDays)]),
    ...(built.length > 0 ? [capacity(valuesOf(built, (api) => api.requestsPerSecond))] : []),
  ]
}

type Named = Terms & { readonly name: string }

/** The usual share, and those of the apis that differ. */
function sharesOf(terms: readonly Named[], usual: number, of: (api: Named) => number): Constant[] {
  const others = terms.filter((api) => of(api) !== usual)
  const rest = { value: toShare(usual), api: allBut(others.map(({ name }) => name)) }
  return [rest, ...valuesOf(others, (api) => toShare(of(api)))]
}

/** Each value with the apis that have it. */
function valuesOf<T extends { readonly name: string }>(apis: readonly T[], of: (api: T) => number): Constant[] {
  return [...Map.groupBy(apis, of)].map(([value, same]) => ({
    value,
    api: ['=~', anyOf(same.map(({ name }) => name))],
  }))
}

/** Where no route matched there is no api, and nothing is promised. */
function allBut(names: readonly string[]): Match {
  return names.length > 0 ? ['!~', anyOf(['', ...names])] : ['!=', '']
}

/** What may go wrong, of a percentage that may not. */
function toShare(percent: number): number {
  return Number(((100 - percent) / 100).toPrecision(10)) // 100 − 99.9 is not quite 0.1
}

function anyOf(names: readonly string[]): string {
  return names.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')
}

function toGroup(name: string, interval: RuleGroup['interval'], recorded: readonly Recorded[]): RuleGroup {
  return { name, interval, rules: recorded.map(toRule) }
}

function toRule({ name, expr, fixed }: Recorded): RecordingRule {
  return { record: name, expr: expr.text, ...(fixed ? { labels: withoutEmpty(fixed) } : {}) }
}

/** A label without a value is no label. */
function withoutEmpty(labels: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}
