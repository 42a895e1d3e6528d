import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { aRecord } from '../../record/sample.ts'
import { HeavyHitters } from '../../sinks/prometheus/heavy-hitters.ts'
import prometheus from '../../sinks/prometheus/prometheus.ts'
import { samples, total } from './exposition.ts'
import { openPrometheusSink } from './prometheus-delivery.ts'

test('100,000 consumers on 40,000 endpoints stay within the budget, and every request is counted', async (t) => {
  const sink = await openPrometheusSink(t, { maxSeries: 20_000 })
  const block = 20_000
  for (let first = 0; first < 100_000; first += block) {
    await sink.deliver(
      Array.from({ length: block }, (_, i) => {
        const n = first + i
        const ending = n % 13 === 0 ? { status: 503 } : {}
        return aRecord({
          api: `api-${n % 500}`,
          route: `/r${n % 40_000}`,
          consumer: `consumer-${n}`,
          traceId: '',
          ...ending,
        })
      }),
    )
  }
  const shown = samples(sink.page())
  assert.ok(shown.length <= 20_000 + 8, `${shown.length} series`) // and what the sink says of itself
  assert.equal(sink.total('penstock_requests_total'), 100_000)
  assert.equal(sink.total('penstock_consumer_requests_total'), 100_000)
  const own = new Set(shown.map(({ labels }) => labels.consumer).filter((name) => name && name !== '__other__'))
  assert.equal(own.size, 100)
  assert.equal(sink.total('penstock_consumer_requests_total', { consumer: '__other__' }), 100_000 - 100)
  const collapsed = sink.total('penstock_series_collapsed_requests_total', { group: 'endpoints' })
  assert.equal(collapsed, sink.total('penstock_requests_total', { endpoint: '__other__' }))
  assert.ok(collapsed > 90_000)
})

test('beyond the budget an endpoint is counted with its api, while the api’s endpoints that were shown stay', async (t) => {
  const sink = await openPrometheusSink(t, { maxSeries: 2000 })
  const endpoints = Array.from({ length: 30 }, (_, i) => aRecord({ route: `/r${i}` }))
  await sink.deliver(endpoints)
  const first = sink.total('penstock_requests_total', { endpoint: 'GET /r0' })
  assert.equal(first, 1)
  const others = sink.total('penstock_requests_total', { api: 'orders', endpoint: '__other__' })
  assert.ok(others > 0)
  await sink.deliver(endpoints)
  assert.equal(sink.total('penstock_requests_total', { endpoint: 'GET /r0' }), 2)
  assert.equal(sink.total('penstock_requests_total', { api: 'orders', endpoint: '__other__' }), 2 * others)
})

test('with the budget used up, a restart changes nothing for what is shown', async (t) => {
  const sink = await openPrometheusSink(t, { maxSeries: 1000 })
  const endings = [101, 200, 301, 404, 503].flatMap((status) => [
    { status },
    { status, outcome: 'client_aborted' as const },
  ])
  const records = Array.from({ length: 20 }, (_, i) =>
    endings.map((ending) => aRecord({ ...ending, route: `/r${i}`, api: `api-${i % 5}`, gateway: `gw-${i % 4}` })),
  ).flat()
  await sink.deliver(records)
  const before = samples(sink.page()).filter(({ name }) => name === 'penstock_requests_total')
  await sink.restart()
  await sink.deliver(records)
  const after = samples(sink.page()).filter(({ name }) => name === 'penstock_requests_total')
  assert.deepEqual(
    after.map(({ labels, value }) => ({ labels, value })),
    before.map(({ labels, value }) => ({ labels, value: 2 * value })),
  )
})

test('an outage finds room for the failures of every endpoint that is shown', async (t) => {
  const sink = await openPrometheusSink(t, { maxSeries: 3000 })
  const endpoints = Array.from({ length: 60 }, (_, i) => ({ route: `/r${i}` }))
  await sink.deliver(endpoints.map((fields) => aRecord(fields)))
  await sink.deliver(endpoints.map((fields) => aRecord({ ...fields, status: 502, outcome: 'upstream_unreachable' })))
  const ownSeries = samples(sink.page()).filter(
    ({ name, labels }) => name === 'penstock_requests_total' && labels.endpoint !== '__other__',
  )
  for (const { labels } of ownSeries)
    assert.equal(sink.total('penstock_failed_requests_total', { endpoint: labels.endpoint ?? '' }), 1)
  assert.ok(ownSeries.length > 20)
})

test('a heavy consumer that comes late gets a series that begins at 0; its past stays with the others', async (t) => {
  const sink = await openPrometheusSink(t, { consumers: 4 })
  const of = (consumer: string) => sink.total('penstock_consumer_requests_total', { consumer })
  const requests = (consumer: string, count: number) => Array.from({ length: count }, () => aRecord({ consumer }))
  await sink.deliver(['first', 'second', 'small', 'late'].flatMap((name) => requests(name, 1)))
  assert.deepEqual([of('first'), of('second'), of('small'), of('late')], [1, 1, 0, 0])
  await sink.deliver(requests('late', 150))
  assert.deepEqual([of('late'), of('__other__')], [0, 152])
  await sink.restart()
  await sink.deliver([...requests('late', 5), ...requests('small', 5)])
  assert.deepEqual([of('late'), of('small'), of('__other__')], [5, 0, 157])
})

test('a consumer on ever more apis stays within the budget, and every request is counted', async (t) => {
  const sink = await openPrometheusSink(t, { maxSeries: 2000 })
  const budget = 500
  for (const status of [200, 404, 503, 302]) {
    await sink.deliver(Array.from({ length: 400 }, (_, i) => aRecord({ api: `api-${i}`, status })))
    const shown = samples(sink.page()).filter(({ name }) => name === 'penstock_consumer_requests_total')
    assert.ok(shown.length <= budget, `${shown.length} series`)
    assert.equal(
      total(shown, 'penstock_consumer_requests_total', { status_class: `${Math.floor(status / 100)}xx` }),
      400,
    )
  }
  assert.equal(sink.total('penstock_consumer_requests_total', { consumer: 'acme', status_class: '2xx' }), 294)
})

test('requests without a consumer need no place among the consumers', async (t) => {
  const sink = await openPrometheusSink(t, { consumers: 0 })
  await sink.deliver([aRecord({ consumer: '', team: '' }), aRecord({ consumer: 'named', team: 'red' })])
  assert.equal(sink.total('penstock_consumer_requests_total', { consumer: '' }), 1)
  assert.equal(sink.total('penstock_consumer_requests_total', { consumer: '__other__', team: 'red' }), 1)
})

test('the team of a consumer without a series of its own is still shown', async (t) => {
  const sink = await openPrometheusSink(t, { consumers: 2 })
  await sink.deliver(Array.from({ length: 10 }, (_, i) => aRecord({ consumer: `c${i}`, team: i % 2 ? 'red' : 'blue' })))
  assert.equal(sink.total('penstock_consumer_requests_total', { team: 'red' }), 5)
  assert.equal(sink.total('penstock_consumer_requests_total', { team: 'blue' }), 5)
})

test('a budget too small for its buckets is refused, with how much is needed', () => {
  const { error } = prometheus.options.safeParse({ maxSeries: 500 })
  assert.match(String(error?.issues[0]?.message), /at least 923 series are needed/)
  assert.ok(prometheus.options.safeParse({ maxSeries: 923 }).success)
})

test('who makes the most requests is found, and nobody is counted too high', () => {
  const capacity = 10
  const aBlock = fc.array(fc.tuple(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), fc.integer({ min: 1, max: 300 })))
  fc.assert(
    fc.property(fc.array(aBlock, { maxLength: 20 }), (blocks) => {
      const exact = new Map<string, number>()
      let heavy = new HeavyHitters(capacity)
      for (const block of blocks) {
        const requests = new Map<string, number>()
        for (const [name, count] of block) requests.set(name, (requests.get(name) ?? 0) + count)
        for (const [name, count] of requests) exact.set(name, (exact.get(name) ?? 0) + count)
        heavy = HeavyHitters.fromSaved(capacity, heavy.with(requests).toSaved())
      }
      const total = [...exact.values()].reduce((sum, count) => sum + count, 0)
      assert.equal(heavy.total, total)
      for (const [name, count] of exact) {
        if (heavy.isHeavy(name, 0.2)) assert.ok(count >= total * 0.2)
        if (count >= total * (0.2 + 1 / (capacity + 1)) && count >= 100 + total / (capacity + 1))
          assert.ok(heavy.isHeavy(name, 0.2), `${name} made ${count} of ${total}`)
      }
    }),
  )
})

test('who was heavy long ago does not outweigh who is heavy now', () => {
  let heavy = new HeavyHitters(10).with(new Map([['past', 900_000]]))
  for (let i = 0; i < 10; i++) heavy = heavy.with(new Map([['present', 300_000]]))
  assert.ok(heavy.isHeavy('present', 0.9))
  assert.ok(!heavy.isHeavy('past', 0.1))
  assert.ok(heavy.total <= 1_300_000)
})
