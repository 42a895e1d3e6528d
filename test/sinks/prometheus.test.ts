import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFailed, outcomes, statusClass } from '../../record/outcome.ts'
import { aRecord } from '../../record/sample.ts'
import { classOf, statusClasses } from '../../sinks/prometheus/traffic.ts'
import { RejectedError } from '../../sinks/sink.ts'
import { sinkContract } from './contract.ts'
import { aBlock } from './delivery.ts'
import { samples } from './exposition.ts'
import { harness, openPrometheusSink } from './prometheus-delivery.ts'

sinkContract('prometheus', harness)

const traceId = '0af7651916cd43dd8448eb211c80319c'

test('a request becomes a count, bytes and three durations under its labels', async (t) => {
  const sink = await openPrometheusSink(t)
  const record = aRecord({
    bytesIn: 10,
    bytesOut: 20,
    totalUs: 12_000,
    upstreamUs: 11_000,
    gatewayUs: 300,
    gateway: 'gw-1',
  })
  await sink.deliver([record])
  const endpoint = { shard: '0', api: 'orders', endpoint: 'GET /orders/{id}', method: 'GET', gateway: 'gw-1' }
  const found = (name: string) => samples(sink.page()).filter((one) => one.name === name)
  const is = (name: string, labels: Record<string, string>, value: number) =>
    assert.deepEqual(found(name), [{ name, labels, value, exemplar: undefined }])
  is('penstock_requests_total', { ...endpoint, status_class: '2xx', outcome: 'ok' }, 1)
  is('penstock_failed_requests_total', endpoint, 0)
  is('penstock_request_bytes_total', endpoint, 10)
  is('penstock_response_bytes_total', endpoint, 20)
  is('penstock_request_duration_seconds_sum', { ...endpoint, status_class: '2xx' }, 0.012)
  is('penstock_upstream_duration_seconds_sum', endpoint, 0.011)
  is('penstock_gateway_duration_seconds_sum', endpoint, 0.0003)
  is(
    'penstock_consumer_requests_total',
    { shard: '0', api: 'orders', team: 'acme', consumer: 'acme', status_class: '2xx' },
    1,
  )
  const buckets = found('penstock_request_duration_seconds_bucket').map(({ labels, value }) => `${labels.le}:${value}`)
  assert.equal(buckets.join(' '), '0.005:0 0.01:0 0.025:1 0.05:1 0.1:1 0.2:1 0.3:1 0.5:1 1:1 2.5:1 5:1 10:1 +Inf:1')
})

test('a duration on a bound is within it', async (t) => {
  const sink = await openPrometheusSink(t, { latencyObjectives: [0.123] })
  await sink.deliver([aRecord({ totalUs: 123_000 }), aRecord({ totalUs: 123_001 }), aRecord({ totalUs: 11_000_000 })])
  const upTo = (le: string) => sink.total('penstock_request_duration_seconds_bucket', { le })
  assert.deepEqual([upTo('0.1'), upTo('0.123'), upTo('0.2'), upTo('10'), upTo('+Inf')], [0, 1, 2, 2, 3])
})

test('requests that never reached an upstream have no upstream duration', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord({ status: 429, outcome: 'rate_limited', tries: 0, upstreamUs: 0 }), aRecord()])
  assert.equal(sink.total('penstock_upstream_duration_seconds_count'), 1)
  assert.equal(sink.total('penstock_gateway_duration_seconds_count'), 2)
})

test('failures are counted as the one function says, for every outcome and class', async (t) => {
  const sink = await openPrometheusSink(t)
  const endings = outcomes.flatMap((outcome) =>
    [101, 200, 302, 404, 499, 500, 599].map((status) => ({ outcome, status })),
  )
  await sink.deliver(endings.map((ending) => aRecord(ending)))
  assert.equal(sink.total('penstock_failed_requests_total'), endings.filter(isFailed).length)
  for (const outcome of outcomes) assert.equal(sink.total('penstock_requests_total', { outcome }), 7)
})

test('status classes are those of the record', () => {
  for (let status = 100; status < 600; status++) assert.equal(statusClasses[classOf(status)], statusClass(status))
})

test('a sampled record counts for as many requests as it stands for', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord({ weight: 10, bytesOut: 5, totalUs: 2_000_000, status: 503 })])
  assert.equal(sink.total('penstock_requests_total'), 10)
  assert.equal(sink.total('penstock_failed_requests_total'), 10)
  assert.equal(sink.total('penstock_response_bytes_total'), 50)
  assert.equal(sink.total('penstock_request_duration_seconds_count'), 10)
  assert.equal(sink.total('penstock_request_duration_seconds_sum'), 20)
  assert.equal(sink.total('penstock_consumer_requests_total'), 10)
})

test('a path that no route matched never becomes a label', async (t) => {
  const sink = await openPrometheusSink(t)
  const lost = { route: '', api: '' }
  await sink.deliver([
    aRecord({ ...lost, endpoint: 'GET /wp-login.php' }),
    aRecord({ ...lost, endpoint: '{unmatched}', method: 'PROPFIND' }),
    aRecord({ ...lost, endpoint: '{unmatched}', method: 'X-INVENTED' }),
  ])
  assert.equal(sink.total('penstock_requests_total', { endpoint: '{unmatched}' }), 3)
  assert.equal(sink.total('penstock_requests_total', { method: '__other__' }), 2)
})

test('a block of which nothing could be decoded changes nothing', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord()])
  const before = sink.page()
  await sink.deliver([])
  assert.equal(sink.page(), before)
})

test('a record that cannot be counted is named, and nothing of its block is counted', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord()])
  const before = sink.page()
  const poison = { ...aRecord(), bytesIn: (2n ** 60n) as unknown as number } // as a foreign writer's frame decodes
  const block = sink.next([aRecord(), poison])
  await assert.rejects(sink.write(block), (error) => {
    assert.ok(error instanceof RejectedError)
    assert.deepEqual(error.indexes, [1])
    return true
  })
  sink.sink.settled?.(block)
  assert.equal(sink.page(), before)
  await sink.deliver([aRecord()])
  assert.equal(sink.total('penstock_requests_total'), 2)
})

test('only what is settled is shown', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord()])
  const before = sink.page()
  const block = sink.next([aRecord(), aRecord({ consumer: 'new', endpoint: 'GET /new' })])
  await sink.write(block)
  assert.equal(sink.page(), before)
  await sink.write(block)
  assert.equal(sink.page(), before)
  sink.sink.settled?.(block)
  assert.equal(sink.total('penstock_requests_total'), 3)
})

test('a block that another one replaces before its settle leaves no trace', async (t) => {
  const [sink, straight] = [await openPrometheusSink(t), await openPrometheusSink(t)]
  const kept = [aRecord({ endpoint: 'GET /kept', consumer: 'kept' })]
  await sink.write(sink.next([aRecord({ endpoint: 'GET /gone', consumer: 'gone' }), ...kept]))
  await sink.deliver(kept)
  await straight.deliver(kept)
  assert.equal(sink.page(), straight.page())
})

test('a page that is read in slices shows one moment', async (t) => {
  const sink = await openPrometheusSink(t)
  const records = Array.from({ length: 200 }, (_, i) => aRecord({ route: `/r${i}`, consumer: `c${i % 20}` }))
  await sink.deliver(records)
  const before = sink.page()
  const reading = (sink.sink.expose?.('text') ?? [])[Symbol.iterator]()
  const slices = [reading.next().value]
  await sink.deliver(records)
  for (let next = reading.next(); !next.done; next = reading.next()) slices.push(next.value)
  assert.ok(slices.length > 2)
  assert.equal(slices.join(''), before)
})

test('a shard that is another pump’s is shown no more', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord()])
  sink.sink.released?.('0')
  assert.deepEqual(samples(sink.page()), [])
})

test('each shard has series of its own', async (t) => {
  const sink = await openPrometheusSink(t)
  await openBlocks(sink)
  assert.equal(sink.total('penstock_requests_total', { shard: '0' }), 1)
  assert.equal(sink.total('penstock_requests_total', { shard: '1' }), 2)
})

async function openBlocks(sink: Awaited<ReturnType<typeof openPrometheusSink>>) {
  await sink.deliver([aRecord()])
  const other = { ...aBlock([aRecord(), aRecord()], { shard: '1' }) }
  sink.sink.acquired?.('1', new Map())
  await sink.sink.write(other, AbortSignal.timeout(10_000))
  sink.sink.settled?.(other)
}

test('a shard that was never acquired is refused', async (t) => {
  const sink = await openPrometheusSink(t)
  await assert.rejects(sink.sink.write(aBlock([aRecord()]), AbortSignal.timeout(10_000)), /before it was acquired/)
})

test('the newest request of each bucket is its exemplar, in OpenMetrics alone', async (t) => {
  const sink = await openPrometheusSink(t)
  const ts = 1_700_000_000_000_000
  await sink.deliver([
    aRecord({ totalUs: 12_000, traceId: 'a'.repeat(32), ts }),
    aRecord({ totalUs: 13_000, traceId, ts }),
    aRecord({ totalUs: 400_000, traceId: '', ts }),
    aRecord({ totalUs: 700_000, traceId: 'x" 1\n# EOF'.padEnd(500, 'x'), ts }),
  ])
  const exemplars = samples(sink.openMetrics().replace(/^# EOF$/m, ''))
    .filter(({ name, exemplar }) => name === 'penstock_request_duration_seconds_bucket' && exemplar)
    .map(({ labels, exemplar }) => `${labels.le} ${exemplar}`)
  assert.deepEqual(exemplars, [`0.025 {trace_id="${traceId}"} 0.013 1700000000.013`])
  assert.doesNotMatch(sink.page(), /trace_id/)
})

test('label values are escaped, and read back unchanged', async (t) => {
  const sink = await openPrometheusSink(t)
  const consumer = 'a"b\\c\nd {e="f"} 🙂 \u2028'
  await sink.deliver([aRecord({ consumer, team: consumer })])
  const [found] = samples(sink.page()).filter(({ name }) => name === 'penstock_consumer_requests_total')
  assert.equal(found?.labels.consumer, consumer)
})

test('labels that hold any character are never taken for others', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([
    aRecord({ team: 'a', consumer: '\u0000b' }),
    aRecord({ team: 'a\u0000', consumer: 'b' }),
    aRecord({ team: '1:a', consumer: 'c' }),
    aRecord({ team: '1', consumer: ':ac' }),
  ])
  const found = samples(sink.page()).filter(({ name }) => name === 'penstock_consumer_requests_total')
  assert.equal(found.length, 4)
})

test('what a consumer was refused is counted by the reason, and nothing else is', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([
    aRecord(),
    aRecord({ status: 429, outcome: 'rate_limited', weight: 3 }),
    aRecord({ status: 401, outcome: 'unauthenticated' }),
    aRecord({ status: 429, outcome: 'client_error' }),
    aRecord({ status: 503, outcome: 'upstream_error' }),
  ])
  const refused = () =>
    samples(sink.page())
      .filter(({ name }) => name === 'penstock_consumer_refused_requests_total')
      .map(({ labels, value }) => `${labels.consumer} ${labels.outcome} ${value}`)
  assert.deepEqual(refused(), ['acme unauthenticated 1', 'acme rate_limited 3'])
  await sink.restart()
  assert.deepEqual(refused(), ['acme unauthenticated 1', 'acme rate_limited 3'])
  assert.equal(sink.total('penstock_consumer_requests_total'), 7)
})

test('an outcome that this version does not know yet is counted', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([{ ...aRecord(), outcome: 'of_tomorrow' as 'ok' }]) // as a newer gateway would write it
  assert.equal(sink.total('penstock_requests_total', { outcome: '__other__' }), 1)
})

test('other buckets keep what was counted, exact up to the bounds that both have', async (t) => {
  const [before, after] = [
    await openPrometheusSink(t),
    await openPrometheusSink(t, { durationBuckets: [0.1, 0.15, 1], latencyObjectives: [0.4] }),
  ]
  const records = [5, 80, 120, 250, 450, 900, 20_000].map((ms) => aRecord({ totalUs: ms * 1000 }))
  const block = before.next(records)
  const { state = new Map() } = (await before.write(block)) ?? {}
  after.sink.acquired?.('0', state)
  const upTo = (le: string) => after.total('penstock_request_duration_seconds_bucket', { le })
  assert.deepEqual(['0.1', '0.15', '0.4', '1', '+Inf'].map(upTo), [2, 2, 4, 6, 7])
  assert.equal(after.total('penstock_request_duration_seconds_sum'), 21.805)
  assert.equal(after.total('penstock_requests_total'), 7)

  const next = aBlock([aRecord({ endpoint: 'GET /another' })], { appendedAtMs: block.appendedAtMs })
  const written = await after.sink.write(next, AbortSignal.timeout(10_000))
  after.sink.settled?.(next)
  const shown = after.page()
  after.sink.acquired?.('0', new Map([...state, ...(written?.state ?? [])]))
  assert.equal(after.page(), shown)
})

test('a series without requests for long goes, makes room, and begins at 0 when it comes back', async (t) => {
  const sink = await openPrometheusSink(t, { idleDays: 1 })
  const hour = 3_600_000
  const start = 1_700_000_000_000
  const names = () => samples(sink.page()).filter(({ name }) => name === 'penstock_consumer_requests_total')
  await sink.deliver([aRecord({ consumer: 'old', endpoint: 'GET /old' })], start)
  await sink.deliver([aRecord({ consumer: 'new', endpoint: 'GET /new' })], start + 20 * hour)
  assert.equal(sink.total('penstock_requests_total', { endpoint: 'GET /old' }), 1)
  await sink.deliver([aRecord({ consumer: 'new', endpoint: 'GET /new' })], start + 25 * hour)
  assert.doesNotMatch(sink.page(), /old/)
  await sink.restart()
  assert.doesNotMatch(sink.page(), /old/)
  await sink.deliver([aRecord({ consumer: 'old', endpoint: 'GET /old' })], start + 26 * hour)
  assert.equal(sink.total('penstock_requests_total', { endpoint: 'GET /old' }), 1)
  assert.deepEqual(
    names().map(({ labels }) => labels.consumer),
    ['new', 'old'],
  )
  assert.equal(sink.total('penstock_series', { group: 'consumers' }), 2)
})

test('the budget and what of it is used can be seen', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver([aRecord(), aRecord({ status: 503 })])
  const shown = samples(sink.page()).filter(({ name }) => /^penstock_(?!consumer|series)/.test(name)).length
  assert.equal(sink.total('penstock_series', { group: 'endpoints' }), shown)
  assert.equal(sink.total('penstock_series', { group: 'consumers' }), 2)
  assert.equal(sink.total('penstock_series_budget'), 100_000)
})
