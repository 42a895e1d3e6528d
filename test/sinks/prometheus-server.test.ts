import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { Registry } from 'prom-client'
import { recordMetrics } from '../../metrics/records.ts'
import { aRecord } from '../../record/sample.ts'
import { openAdmin } from '../../runtime/admin.ts'
import { expose } from '../../runtime/exposition.ts'
import { openPrometheus, type PrometheusServer, promtool } from '../services/prometheus.ts'
import { until } from '../services/until.ts'
import { openPrometheusSink } from './prometheus-delivery.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const metrics = [
  { name: 'tokens_total', type: 'counter', help: 'Tokens "used"\nby apps', value: 'tags.tokens', labels: ['tags.app'] },
  { name: 'took_seconds', type: 'histogram', help: 'Took', value: 'totalUs', labels: ['useCase'], buckets: [0.1, 1] },
]

/** A sink with something of everything to show. */
async function openSink(t: TestContext) {
  const sink = await openPrometheusSink(t, { metrics })
  const odd = 'a"b\\c\nd 🙂'
  await sink.deliver([
    ...Array.from({ length: 90 }, (_, i) => aRecord({ totalUs: 40_000, traceId, consumer: `c${i % 3}` })),
    ...Array.from({ length: 10 }, () => aRecord({ totalUs: 700_000, status: 503, consumer: odd, team: odd })),
    aRecord({ route: '', endpoint: '{unmatched}', api: '', consumer: '', team: '', status: 404 }),
    aRecord({ weight: 2.5, tags: { tokens: '12', app: odd } }),
  ])
  return sink
}

test('promtool finds nothing wrong with the page', async (t) => {
  const sink = await openSink(t)
  const { status, stdout, stderr } = spawnSync(await promtool(), ['check', 'metrics'], {
    input: sink.page(),
    encoding: 'utf8',
  })
  assert.deepEqual({ status, said: stdout + stderr }, { status: 0, said: '' })
})

test('Prometheus scrapes the page and answers with the numbers that were counted', async (t) => {
  const sink = await openSink(t)
  const admin = await openAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    healthz: () => ({ ok: true }),
    readyz: () => ({ ok: true }),
    metrics: (format) => expose(format, new Registry(), [(as) => sink.sink.expose?.(as) ?? []]),
    log: (level, sentence, fields) => assert.fail(`${level} ${sentence} ${fields?.error}`),
  })
  t.after(() => admin[Symbol.asyncDispose]())
  const scrape = {
    job_name: 'pump',
    scrape_interval: '200ms',
    static_configs: [{ targets: [new URL(admin.url).host] }],
  }
  await using server = await openPrometheus({ config: { scrape_configs: [scrape] } })
  await until(async () => (await server.query('up{job="pump"} == 1')).length === 1, {
    what: 'the first scrape',
    timeoutMs: 30_000,
  })
  await counted(server)
  await exemplified(server)
})

async function counted(server: PrometheusServer) {
  const is = async (promql: string, value: number) => {
    const [found] = await server.query(promql)
    assert.equal(found?.value, value, promql)
  }
  const name = (metric: keyof typeof recordMetrics) => recordMetrics[metric].name
  await is(`sum(${name('requests')})`, 103.5)
  await is(`sum(${name('requests')}{outcome!="client_aborted"})`, 103.5)
  await is(`sum(${name('failedRequests')})`, 10)
  await is(`sum(${name('consumerRequests')})`, 103.5)
  await is(`sum(${name('consumerRequests')}{consumer="a\\"b\\\\c\\nd 🙂"})`, 10)
  await is(`sum(${name('requestDuration')}_bucket{le="0.3"}) / sum(${name('requestDuration')}_count)`, 93.5 / 103.5)
  await is(`count(${name('upstreamDuration')}_bucket{api="orders"})`, 13)
  await is('sum(tokens_total)', 30)
  await is('count(took_seconds_bucket{le="+Inf"})', 2)
  await is(`sum(${name('seriesBudget')})`, 100_000)
  const [quantile] = await server.query(`histogram_quantile(0.5, sum by (le) (${name('requestDuration')}_bucket))`)
  assert.ok(quantile && quantile.value > 0.025 && quantile.value <= 0.05, `${quantile?.value}`)
}

async function exemplified(server: PrometheusServer) {
  const query = new URLSearchParams({
    query: `${recordMetrics.requestDuration.name}_bucket{le="0.05"}`,
    start: '0',
    end: `${Date.now() / 1000 + 60}`,
  })
  const answer = await fetch(`${server.url}/api/v1/query_exemplars?${query}`)
  assert.match(await answer.text(), new RegExp(`"trace_id":"${traceId}"`))
}
