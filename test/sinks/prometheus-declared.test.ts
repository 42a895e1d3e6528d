import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { aRecord } from '../../record/sample.ts'
import prometheus from '../../sinks/prometheus/prometheus.ts'
import { page, samples } from './exposition.ts'
import { openPrometheusSink } from './prometheus-delivery.ts'

const counter = { name: 'calls_total', type: 'counter', help: 'Calls' }

test('a counter of the user’s own counts requests by fields and tags', async (t) => {
  const metric = { ...counter, labels: ['plan', 'apiVersion', 'statusClass', 'failed', 'tags.app-name'] }
  const sink = await openPrometheusSink(t, { metrics: [metric] })
  await sink.deliver([
    aRecord({ plan: 'gold', tags: { 'app-name': 'ios' } }),
    aRecord({ plan: 'gold', tags: { 'app-name': 'ios' }, weight: 4 }),
    aRecord({ plan: 'free', status: 503 }),
  ])
  const found = samples(sink.page()).filter(({ name }) => name === 'calls_total')
  const common = { shard: '0', api_version: '1' }
  assert.deepEqual(
    found.map(({ labels, value }) => ({ labels, value })),
    [
      { labels: { ...common, plan: 'gold', status_class: '2xx', failed: 'false', tag_app_name: 'ios' }, value: 5 },
      { labels: { ...common, plan: 'free', status_class: '5xx', failed: 'true', tag_app_name: '' }, value: 1 },
    ],
  )
})

test('a counter adds up a field or a number in a tag; what is no such number is counted apart', async (t) => {
  const metrics = [
    { name: 'tokens_total', type: 'counter', help: 'Tokens', value: 'tags.tokens', labels: ['api'] },
    { name: 'upstream_busy_seconds_total', type: 'counter', help: 'Busy', value: 'upstreamUs' },
  ]
  const sink = await openPrometheusSink(t, { metrics })
  const tokens = ['12', '0.5', '', 'many', '-3', 'Infinity'].map((text) => aRecord({ tags: { tokens: text } }))
  await sink.deliver([...tokens, aRecord({ tries: 0, upstreamUs: 0 })])
  assert.equal(sink.total('tokens_total', { api: 'orders' }), 12.5)
  assert.equal(sink.total('penstock_series_valueless_requests_total', { group: 'tokens_total' }), 5)
  assert.equal(sink.total('upstream_busy_seconds_total'), 0.066)
  assert.equal(sink.total('penstock_series_valueless_requests_total', { group: 'upstream_busy_seconds_total' }), 1)
})

test('a histogram of the user’s own shows times in seconds, with exemplars', async (t) => {
  const metric = {
    name: 'slow_seconds',
    type: 'histogram',
    help: 'Slow',
    value: 'totalUs',
    labels: ['useCase'],
    buckets: [1, 0.1],
  }
  const sink = await openPrometheusSink(t, { metrics: [metric] })
  const traceId = 'ab'.repeat(16)
  await sink.deliver([
    aRecord({ totalUs: 100_000, useCase: 'pay', traceId }),
    aRecord({ totalUs: 1_500_000, useCase: 'pay' }),
  ])
  assert.equal(sink.total('slow_seconds_bucket', { le: '0.1', use_case: 'pay' }), 1)
  assert.equal(sink.total('slow_seconds_bucket', { le: '+Inf' }), 2)
  assert.equal(sink.total('slow_seconds_sum'), 1.6)
  assert.match(page(sink.sink, 'openmetrics'), new RegExp(`slow_seconds_bucket.*le="0.1".*trace_id="${traceId}"} 0.1 `))
})

test('a metric counts only what its conditions say', async (t) => {
  const where = { api: ['orders', 'pay'], failed: true, status: 503 }
  const sink = await openPrometheusSink(t, { metrics: [{ ...counter, where }] })
  await sink.deliver([
    aRecord({ status: 503 }),
    aRecord({ status: 503, api: 'pay' }),
    aRecord({ status: 503, api: 'other' }),
    aRecord({ status: 500 }),
    aRecord(),
  ])
  assert.equal(sink.total('calls_total'), 2)
})

test('label sets beyond the budget are counted as others', async (t) => {
  const sink = await openPrometheusSink(t, { maxSeries: 2000, metrics: [{ ...counter, labels: ['api', 'tags.user'] }] })
  const records = Array.from({ length: 600 }, (_, i) => aRecord({ tags: { user: `${i}` } }))
  await sink.deliver(records)
  await sink.deliver(records)
  assert.equal(sink.total('calls_total'), 1200)
  assert.equal(sink.total('calls_total', { api: '__other__', tag_user: '__other__' }), 2 * 101)
  assert.equal(sink.total('penstock_series_collapsed_requests_total', { group: 'calls_total' }), 2 * 101)
  assert.equal(sink.total('penstock_series', { group: 'calls_total' }), 500)
})

test('a metric that now means something else begins at 0, and one that is declared no more is forgotten', async (t) => {
  const before = await openPrometheusSink(t, { metrics: [counter] })
  const { state = new Map() } = (await before.write(before.next([aRecord()]))) ?? {}
  const changed = await openPrometheusSink(t, {
    metrics: [
      { ...counter, help: 'All calls' },
      { ...counter, name: 'b_total', labels: ['api'] },
    ],
  })
  changed.sink.acquired?.('0', state)
  assert.equal(changed.total('calls_total'), 1)
  const without = await openPrometheusSink(t, { metrics: [{ ...counter, labels: ['api'] }] })
  without.sink.acquired?.('0', state)
  assert.equal(without.total('calls_total'), 0)
  const written = await without.sink.write(without.next([aRecord()]), AbortSignal.timeout(10_000))
  const deleted = [...(written?.state ?? [])].filter(([, value]) => value.length === 0).map(([key]) => key)
  assert.deepEqual(
    deleted,
    [...state.keys()].filter((key) => key.startsWith('d')),
  )
})

test('a very long value is cut, so that no page grows by it', async (t) => {
  const sink = await openPrometheusSink(t, { metrics: [{ ...counter, labels: ['tags.long'] }] })
  await sink.deliver([
    aRecord({ tags: { long: 'x'.repeat(100_000) } }),
    aRecord({ tags: { long: 'x'.repeat(90_000) } }),
  ])
  assert.equal(sink.total('calls_total', { tag_long: 'x'.repeat(128) }), 2)
})

/** What the options say to a declaration that is wrong. */
function fault(overrides: Record<string, unknown>): string {
  const { error } = prometheus.options.safeParse({ metrics: [{ ...counter, ...overrides }] })
  assert.ok(error, `accepted: ${JSON.stringify(overrides)}`)
  return z.prettifyError(error)
}

const refused: [string, Record<string, unknown>, RegExp][] = [
  ['a name that Prometheus does not take', { name: 'my-calls_total' }, /lower-case letters[\s\S]*metrics\[0\]\.name/],
  ['a name of ours', { name: 'penstock_requests_total' }, /taken for a metric that is there already/],
  ['a name that a histogram makes', { name: 'took_count', type: 'histogram' }, /taken for a metric/],
  ['a counter without _total', { name: 'calls' }, /ends with `_total`/],
  ['a histogram with _total', { type: 'histogram', value: 'totalUs', buckets: [1] }, /Only a counter/],
  ['a histogram without a value', { name: 'a_seconds', type: 'histogram', buckets: [1] }, /needs a value/],
  ['a histogram without buckets', { name: 'a_seconds', type: 'histogram', value: 'totalUs' }, /needs buckets/],
  ['a counter with buckets', { buckets: [1] }, /type: histogram/],
  ['an unknown value', { value: 'totalMs' }, /Did you mean "totalUs"\?/],
  ['an unknown label', { labels: ['endpiont'] }, /no field "endpiont"\. Did you mean "endpoint"\?[\s\S]*labels\[0\]/],
  ['a tag without its prefix', { labels: ['tier'] }, /For a tag write "tags\.tier"/],
  ['a path as a label', { labels: ['path'] }, /nearly every request\. Choose .* such as endpoint/],
  ['an id as a label', { labels: ['traceId'] }, /nearly every request/],
  ['a duration as a label', { labels: ['totalUs'] }, /nearly every request/],
  ['a personal field', { labels: ['clientIp'] }, /says something about a person\. Set allowPersonal/],
  ['a label that is there twice', { labels: ['tags.a-b', 'tags.a_b'] }, /is there twice, as tag_a_b/],
  ['an unknown condition', { where: { statsu: 200 } }, /no field "statsu"\. Did you mean "status"\?/],
  ['an unknown key', { label: ['api'] }, /Unrecognized key: "label"/],
]
for (const [what, overrides, message] of refused) {
  test(`${what} is refused with what to do`, () => assert.match(fault(overrides), message))
}

test('a name that is declared twice is refused', () => {
  const { error } = prometheus.options.safeParse({ metrics: [counter, counter] })
  assert.match(z.prettifyError(error!), /"calls_total" is declared twice/) // without an error the match would fail
})

test('a personal field is taken where it is allowed', () => {
  assert.ok(
    prometheus.options.safeParse({ metrics: [{ ...counter, labels: ['consumer'], allowPersonal: true }] }).success,
  )
})
