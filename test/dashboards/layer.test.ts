import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { finish } from '../../dashboards/finish.ts'
import { linksFrom } from '../../dashboards/link.ts'
import { timeSeries } from '../../dashboards/panel.ts'
import { line } from '../../dashboards/query.ts'
import { table } from '../../dashboards/table.ts'
import { rate, series, sum } from '../../metrics/promql.ts'
import { recordMetrics } from '../../metrics/records.ts'

const about = { shows: 'Shows.', normal: 'Normal.', act: 'Act.' }
const byApi = sum(rate(series(recordMetrics.requests)), 'api')
const byEndpoint = sum(rate(series(recordMetrics.requests)), 'api', 'endpoint')
const link = linksFrom('overview')
const panel = (title: string) =>
  timeSeries({ title, about, unit: units.Short, noValue: 'None', queries: [line(byApi, { legend: ['api'] })] })
const idsOf = (...titles: string[]) =>
  finish({
    ...{ place: 'overview', description: '', from: 'now-1h', refresh: '' },
    rows: [{ title: 'Row', panels: titles.map(panel) }],
  }).panels?.map(({ title, id }) => `${title} ${id}`) ?? []

test('a legend that the expression does not have does not compile', () => {
  assert.equal(
    line(byEndpoint, { name: 'p99', legend: ['api', 'endpoint'] }).target.legendFormat,
    'p99 {{api}} {{endpoint}}',
  )
  // @ts-expect-error the endpoint is gone
  line(byApi, { legend: ['endpoint'] })
  assert.throws(() => line(byApi, {}), /needs a name or labels for its legend/)
})

test('a link that needs a label or sets a variable that is not there does not compile', () => {
  // @ts-expect-error the overview has no consumer
  link('overview', 'Nowhere', { consumer: 'consumer' })
  const toEndpoint = link('endpoint', 'Open', { api: 'api', endpoint: 'endpoint' })
  const spec = { title: 'A', about, unit: units.Short, noValue: 'None', queries: [line(byApi, { legend: ['api'] })] }
  // @ts-expect-error no series has an endpoint
  const broken: Parameters<typeof timeSeries<'api'>>[0] = { ...spec, links: [toEndpoint] }
  assert.throws(() => timeSeries(broken), /lacks a label/)
})

test('a link keeps time and common variables, and drops those that the new choice makes meaningless', () => {
  const { url } = linksFrom('endpoint')('endpoint', 'Only this API', { api: 'api' })
  assert.equal(
    url((label) => `<${label}>`),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's
    '/d/penstock-api?var-api=<api>&${datasource:queryparam}&${scrape:queryparam}&${gateway:queryparam}&${__url_time_range}',
  )
})

test('a column of a table has exactly the labels of its rows', () => {
  const spec = { title: 'A', about, noValue: 'None', sortBy: 'Requests', rows: { api: { title: 'API' } } } as const
  const look = { title: 'Requests', unit: units.Short }
  // @ts-expect-error it has an endpoint too
  const columns: Parameters<typeof table<'api'>>[0]['columns'] = [{ ...look, expr: byEndpoint }]
  assert.throws(() => table({ ...spec, columns }), /column Requests has the labels/)
})

test('a panel keeps its id when another one comes before it', () => {
  const [, ...alone] = idsOf('Traffic')
  assert.ok(idsOf('Errors', 'Traffic').includes(alone[0] ?? ''))
  assert.throws(() => idsOf('Traffic', 'Traffic'), /have the same id/)
})
