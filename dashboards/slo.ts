import * as units from '@grafana/grafana-foundation-sdk/units'
import { andOn, complement, type Expr, max, min, or, plus, ratio, recorded, sum, times } from '../metrics/promql.ts'
import {
  answersRate,
  failedRate,
  failedRatio,
  type Recorded,
  requestsRate,
  type SloWindow,
  slowRatio,
} from '../metrics/recorded.ts'
import { latencyObjectives } from '../metrics/records.ts'
import { sloBudget } from '../metrics/slo.ts'
import { finish } from './finish.ts'
import { linksFrom } from './link.ts'
import { stat, timeSeries } from './panel.ts'
import { chosen, line } from './query.ts'
import { table, topLines, topRows } from './table.ts'

const link = linksFrom('slo')
const here = chosen('api')
const toApi = link('endpoint', 'Open the API', { api: 'api' })
const noRules =
  'No recorded series: load the recording rules (penstock alerts generate) into Prometheus. A window fills as time passes'

/** What a rule records of these APIs. */
function ofApis(of: Recorded<'api'>): Expr<'api'> {
  return max(recorded(of, here), 'api')
}

const sumOf = (of: Recorded<'api'>): Expr<never> => sum(recorded(of, here))

const [anyBound] = latencyObjectives
/** The name is the same for every bound; the variable says which is meant. */
function slowOfApis(window: SloWindow): Expr<'api'> {
  return max(recorded(slowRatio(anyBound, window), { ...here, bound: '$bound' }), 'api')
}

// The rest of the objective that the rules know for the api, else of the one that is chosen above.
const chosenBudget: Expr<never> = { text: '(1 - $objective / 100)', labels: [] }
const anyBudget = { slo: 'availability', shares: [{ value: 0, api: '' }] } as const // only its name and labels are read

function budgetOf(slo: 'availability' | 'latency'): Expr<'api'> {
  const matches = slo === 'latency' ? { ...here, slo, bound: '$bound' } : { ...here, slo }
  return or(max(recorded(sloBudget(anyBudget), matches), 'api'), plus(times(ofApis(requestsRate), 0), chosenBudget))
}

const availabilityBudget = budgetOf('availability')
const latencyBudget = budgetOf('latency')
const burn = (window: SloWindow) => ratio(ofApis(failedRatio(window)), availabilityBudget)
const slowBurn = (window: SloWindow) => ratio(slowOfApis(window), latencyBudget)
const left = complement(burn('30d'))
const slowLeft = complement(slowBurn('30d'))

const budgetThresholds = [
  [0, 'red'],
  [0.0001, 'orange'],
  [0.25, 'green'],
] as const
const burnThresholds = [
  [1, 'yellow'],
  [6, 'orange'],
  [14.4, 'red'],
] as const

const availability = stat({
  title: 'Availability, 30 days',
  about: {
    shows: 'The share of requests of the last 30 days that did not fail; the worst of the chosen APIs.',
    normal: 'At or above the objective.',
    act: 'Below: see how fast the budget burns now. If it does not, the harm is past: plan against its cause.',
  },
  ...{ unit: units.PercentUnit, width: 6, decimals: 3, noValue: noRules },
  queries: [line(min(complement(ofApis(failedRatio('30d')))), { name: 'availability' })],
})

const budget = stat({
  title: 'Error budget left, 30 days',
  about: {
    shows:
      'What is left of the failures that the objective allows in 30 days; the worst of the chosen APIs. Below 0 the promise is broken.',
    normal: 'More than is left of the month.',
    act: 'Nearly spent: put off risky changes. Spent: what failed most comes before features.',
  },
  ...{ unit: units.PercentUnit, width: 6, decimals: 1, noValue: noRules },
  thresholds: budgetThresholds,
  queries: [line(min(left), { name: 'left' })],
})

const burning = stat({
  title: 'Burn rate, last hour',
  about: {
    shows:
      'How many times faster than allowed the budget is spent; the worst of the chosen APIs. At 1 it lasts exactly 30 days.',
    normal: 'Below 1.',
    act: 'Above 14.4 the budget of a month is gone within two days: this is what pages. Open the API that burns.',
  },
  ...{ unit: units.NoUnit, width: 6, decimals: 2, noValue: noRules },
  thresholds: burnThresholds,
  queries: [line(max(burn('1h')), { name: 'burn rate' })],
})

const inTime = stat({
  title: 'Answered in time, 30 days',
  about: {
    shows:
      'The share of answers of the last 30 days that came within the bound chosen above; the worst of the chosen APIs.',
    normal: 'At or above the objective.',
    act: 'Open the API and look where the time goes.',
  },
  ...{ unit: units.PercentUnit, width: 6, decimals: 3, noValue: noRules },
  queries: [line(min(complement(slowOfApis('30d'))), { name: 'in time' })],
})

const burnWindows = timeSeries({
  title: 'Burn rate, by window',
  about: {
    shows:
      'The burn rate of the worst API over windows of different length. Alerts ask for a long and a short one at once.',
    normal: 'All below 1.',
    act: 'Only the short ones high: it began just now. Only the long ones high: it is over.',
  },
  ...{ unit: units.NoUnit, noValue: noRules },
  thresholds: burnThresholds,
  queries: (['5m', '1h', '6h', '1d', '3d'] as const).map((window) => line(max(burn(window)), { name: window })),
})

const burnByApi = timeSeries({
  title: 'Burn rate over an hour, by API',
  about: {
    shows: 'The ten APIs that spend their budget fastest.',
    normal: 'Below 1.',
    act: 'Click the line to open the API.',
  },
  ...{ unit: units.NoUnit, noValue: noRules },
  thresholds: burnThresholds,
  links: [toApi],
  queries: [line(topLines(burn('1h')), { legend: ['api'] })],
})

const leftOverTime = timeSeries({
  title: 'Error budget left, by API',
  about: {
    shows: 'How the budgets of 30 days went; the ten APIs with the least left.',
    normal: 'Slowly down and up again, as old failures leave the window.',
    act: 'A step down is an incident: zoom in on it and open the API.',
  },
  ...{ unit: units.PercentUnit, min: -1, max: 1, noValue: noRules },
  links: [toApi],
  queries: [line(complement(topLines(burn('30d'))), { legend: ['api'] })],
})

const failures = timeSeries({
  title: 'Failed of 5 minutes, by API',
  about: {
    shows: 'The share of requests that failed, as the objective counts it; the ten APIs that fail most.',
    normal: 'Below what the objective leaves.',
    act: 'Click the line to open the API.',
  },
  ...{ unit: units.PercentUnit, noValue: noRules },
  links: [toApi],
  queries: [line(topLines(ofApis(failedRatio('5m'))), { legend: ['api'] })],
})

const slowByApi = timeSeries({
  title: 'Slow of 5 minutes, by API',
  about: {
    shows: 'The share of answers that took longer than the bound chosen above; the ten APIs with the most.',
    normal: 'Below what the objective leaves.',
    act: 'Click the line to open the API, and look where the time goes.',
  },
  ...{ unit: units.PercentUnit, noValue: noRules },
  links: [toApi],
  queries: [line(topLines(slowOfApis('5m')), { legend: ['api'] })],
})

const slowBurnByApi = timeSeries({
  title: 'Latency burn rate over an hour, by API',
  about: {
    shows: 'How many times faster than allowed slow answers come; the ten fastest.',
    normal: 'Below 1.',
    act: 'Click the line to open the API.',
  },
  ...{ unit: units.NoUnit, noValue: noRules },
  thresholds: burnThresholds,
  links: [toApi],
  queries: [line(topLines(slowBurn('1h')), { legend: ['api'] })],
})

const volume = timeSeries({
  title: 'What is counted',
  about: {
    shows:
      'Requests that count for availability, those of them that failed, and answers that count for latency, of all chosen APIs.',
    normal: 'Enough that one failure is not a percent: below some hundred an hour, burn rates jump.',
    act: 'Few requests: give the API a longer window, and let the low-volume alert watch it.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noRules },
  queries: [
    line(sumOf(requestsRate), { name: 'requests' }),
    line(sumOf(failedRate), { name: 'failed' }),
    line(sumOf(answersRate), { name: 'answers' }),
  ],
})

const fastest = topRows(burn('30d'))
const amongFastest = (of: Expr<'api'>) => andOn(of, ['api'], fastest)

const objectives = table({
  title: 'Objectives',
  about: {
    shows:
      'Every API with its objective and what is left of its budget; the 50 that burn fastest. The objective is the one of the rules, else the one chosen above.',
    normal: 'Green.',
    act: 'Click an API to open it.',
  },
  ...{ noValue: noRules, height: 10, sortBy: 'Burn 30d' },
  rows: { api: { title: 'API', links: [toApi] } },
  columns: [
    { title: 'Objective', unit: units.PercentUnit, decimals: 3, expr: amongFastest(complement(availabilityBudget)) },
    {
      title: 'Availability 30d',
      unit: units.PercentUnit,
      decimals: 3,
      expr: amongFastest(complement(ofApis(failedRatio('30d')))),
    },
    {
      title: 'Budget left',
      unit: units.PercentUnit,
      decimals: 1,
      thresholds: budgetThresholds,
      expr: amongFastest(left),
    },
    { title: 'Burn 30d', unit: units.NoUnit, decimals: 2, expr: fastest },
    { title: 'Burn 1d', unit: units.NoUnit, decimals: 2, thresholds: burnThresholds, expr: amongFastest(burn('1d')) },
    { title: 'Burn 1h', unit: units.NoUnit, decimals: 2, thresholds: burnThresholds, expr: amongFastest(burn('1h')) },
    { title: 'In time 30d', unit: units.PercentUnit, decimals: 3, expr: amongFastest(complement(slowOfApis('30d'))) },
    {
      title: 'Latency budget left',
      unit: units.PercentUnit,
      decimals: 1,
      thresholds: budgetThresholds,
      expr: amongFastest(slowLeft),
    },
  ],
})

export const slo = finish({
  place: 'slo',
  description: 'What was promised, what is left of it, and how fast it goes.',
  ...{ from: 'now-7d', refresh: '1m' },
  rows: [
    { title: 'Now', panels: [availability, budget, burning, inTime] },
    { title: 'Error budget', panels: [burnWindows, burnByApi, leftOverTime, failures] },
    { title: 'Latency', panels: [slowByApi, slowBurnByApi] },
    { title: 'Objectives', panels: [objectives, volume] },
  ],
})
