import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openPrometheus } from '../services/prometheus.ts'
import { until } from '../services/until.ts'
import type { AnnotationFile, DashboardFile, PanelFile, TargetFile, VariableFile } from './dashboard-file.ts'
import { timing } from './interpolate.ts'
import { verify } from './verifier.ts'

const many = Array.from({ length: 51 }, (_, i) => `many{number="${i}"} 1`).join('\n')
const exposed = `
things_total{kind="a"} 5
things_total{kind="b"} 7
bare 3
nothing NaN
${many}
`

/** A Prometheus with some series, and what the verifier says of dashboards over it. */
async function openVerified(t: TestContext) {
  const exposing = createServer((_, response) => response.end(exposed)).listen(0, '127.0.0.1')
  t.after(() => exposing.close())
  await once(exposing, 'listening')
  const { port } = exposing.address() as AddressInfo // listens on TCP
  const scrape = { job_name: 'things', scrape_interval: '100ms', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }
  const prometheus = await openPrometheus({ config: { scrape_configs: [scrape] } })
  t.after(() => prometheus[Symbol.asyncDispose]())
  await until(async () => (await prometheus.query('count_over_time(bare[1m]) > 2')).length === 1)
  const toSeconds = Math.ceil(Date.now() / 1000)
  const looking = { fromSeconds: toSeconds - 60, toSeconds, scrapeSeconds: 1 }
  return async (dashboard: DashboardFile) => await verify(dashboard, { ...looking, url: prometheus.url })
}

const target = (expr: string, more: Partial<TargetFile> = {}): TargetFile => ({
  refId: 'A',
  datasource: { type: 'prometheus', uid: '' },
  expr,
  legendFormat: '{{kind}}',
  ...more,
})

const panel = (query: TargetFile, more: Partial<PanelFile> = {}): PanelFile => ({
  id: 1,
  type: 'timeseries',
  title: 'Things',
  gridPos: { x: 0, y: 0, w: 12, h: 8 },
  targets: [query],
  ...more,
})

interface Parts {
  readonly panels?: readonly PanelFile[]
  readonly variables?: readonly VariableFile[]
  readonly annotations?: readonly AnnotationFile[]
}

const dashboard = ({ panels = [], variables = [], annotations = [] }: Parts): DashboardFile => ({
  ...{ uid: 'trial', title: 'Trial', panels, links: [], tags: [] },
  templating: { list: variables },
  annotations: { list: annotations },
})

const good = target('sum by (kind) (rate(things_total{kind=~"$kind"}[$__rate_interval]))')
const kind: VariableFile = {
  ...{ name: 'kind', type: 'query', query: 'label_values(things_total, kind)', includeAll: true, allValue: '.*' },
}

test('a dashboard that Grafana would show well has no fault', async (t) => {
  const verdictOf = await openVerified(t)
  const instant = target('things_total', { instant: true, format: 'table' })
  const marks: AnnotationFile = { name: 'Marks', expr: 'things_total > 6', step: '60s', titleFormat: '{{kind}}' }
  const whole = dashboard({
    panels: [panel(good), panel(instant, { type: 'table' })],
    variables: [kind],
    annotations: [marks],
  })
  assert.deepEqual(await verdictOf(whole), { queries: 2, faults: [], mostSeries: 2, panelsWithExemplars: 0 })
})

test('the verifier finds everything that a person would see wrong', async (t) => {
  const verdictOf = await openVerified(t)
  const broken: readonly (readonly [what: string, dashboard: DashboardFile, fault: RegExp])[] = [
    [
      'a metric that nothing emits',
      dashboard({ panels: [panel(target('thing_total'))] }),
      /Things A: no data, of thing_total/,
    ],
    ['a label with another value', dashboard({ panels: [panel(target('things_total{kind="c"}'))] }), /no data/],
    ['a syntax error', dashboard({ panels: [panel(target('sum(rate(things_total[1m])'))] }), /Things A: .*parse error/],
    [
      'a legend’s label that a series lacks',
      dashboard({ panels: [panel(target('sum(things_total)'))] }),
      /the legend names kind/,
    ],
    [
      'a panel that Grafana has no more',
      dashboard({ panels: [panel(target('things_total'), { type: 'graph' })] }),
      /no panel of type graph/,
    ],
    ['a variable that is not there', dashboard({ panels: [panel(good)] }), /no variable is called kind/],
    ['nothing but NaN', dashboard({ panels: [panel(target('nothing', { legendFormat: 'x' }))] }), /nothing but NaN/],
    [
      'more series than can be told apart',
      dashboard({ panels: [panel(target('many', { legendFormat: '{{number}}' }))] }),
      /51 series/,
    ],
    [
      'exemplars that are not there',
      dashboard({ panels: [panel(target('things_total', { exemplar: true }))] }),
      /no exemplars/,
    ],
    ['a panel without a query', dashboard({ panels: [panel(good, { targets: [] })] }), /nothing is asked/],
    [
      'a variable with nothing to choose from',
      dashboard({ variables: [{ ...kind, query: 'label_values(thing_total, kind)' }] }),
      /variable kind: nothing to choose from/,
    ],
    [
      'an annotation with a wrong label',
      dashboard({ annotations: [{ name: 'Marks', expr: 'bare', titleFormat: '{{kind}}' }] }),
      /annotation Marks: the legend names kind/,
    ],
  ]
  for (const [what, one, fault] of broken) {
    const { faults } = await verdictOf(one)
    assert.equal(faults.length, 1, `${what}: ${faults.join('; ')}`)
    assert.match(faults[0] ?? '', fault, what)
  }
})

test('rates span four scrapes, and the step is never shorter than a scrape', () => {
  const at = (rangeSeconds: number, scrapeSeconds: number) => {
    const { stepSeconds, values } = timing({ fromSeconds: 0, toSeconds: rangeSeconds, scrapeSeconds })
    return [stepSeconds, values.get('__rate_interval'), values.get('__range')]
  }
  assert.deepEqual(at(3600, 15), [15, '60s', '3600s'])
  assert.deepEqual(at(604_800, 15), [605, '620s', '604800s'])
})
