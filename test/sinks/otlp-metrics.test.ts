import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { lowerBound, upperBound } from '../../record/sketch.ts'
import { someRecords } from './contract.ts'
import { aBlock, again, nextBlock, openDelivery } from './delivery.ts'
import { freshCollector, otlpHarness, toObject } from './otlp-place.ts'
import { metricsIn, pointsIn, resourcesIn } from './otlp-points.ts'

const onlyMetrics = { logs: false }

test('durations are a delta exponential histogram in seconds, whose buckets hold what they say', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyMetrics)
  const micros = [0, 1, 999, 12_000, 12_001, 3_000_000]
  await delivery.deliver(aBlock(micros.map((totalUs) => aRecord({ totalUs }))))
  const received = await place.collector.received()
  const metric = metricsIn(received).find(({ name }) => name === 'http.server.request.duration')
  assert.equal(metric?.unit, 's')
  assert.equal(metric.exponentialHistogram?.aggregationTemporality, 1)
  const [point] = pointsIn(received, 'http.server.request.duration')
  assert.ok(point)
  const { count, zeroCount, scale, sum, min = 0, max, positive } = point
  assert.deepEqual([count, zeroCount, scale, min, max], ['6', '1', 5, 0, 3])
  assert.ok(Math.abs(Number(sum) - 3.025001) < 1e-9)
  const { offset = 0, bucketCounts = [] } = positive ?? {}
  for (const value of micros.slice(1).map((us) => us / 1_000_000)) {
    const bucket = bucketCounts.findIndex((_, i) => value > lowerBound(offset + i) && value <= upperBound(offset + i))
    assert.ok(Number(bucketCounts[bucket]) > 0, `bucket of ${value}`)
  }
  assert.equal(
    bucketCounts.reduce((total, one) => total + Number(one), 0),
    5,
  )
})

test('requests, failures and bytes are monotonic delta sums per endpoint, method, status class and outcome, weighted', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyMetrics)
  await delivery.deliver(
    aBlock([
      aRecord({ bytesIn: 10, bytesOut: 1 }),
      aRecord({ bytesIn: 10, bytesOut: 1, weight: 2.5, status: 201 }),
      aRecord({ status: 503 }),
      aRecord({ api: '', route: '', endpoint: '{unmatched}', status: 404 }),
    ]),
  )
  const received = await place.collector.received()
  for (const { sum } of metricsIn(received).filter((metric) => metric.sum))
    assert.deepEqual([sum?.aggregationTemporality, sum?.isMonotonic], [1, true])
  const values = (name: string) => pointsIn(received, name).map(({ asDouble = 0 }) => asDouble)
  assert.deepEqual(values('penstock.requests'), [3.5, 1, 1])
  assert.deepEqual(values('penstock.failed_requests'), [0, 1, 0])
  assert.deepEqual(values('penstock.request.bytes'), [35, 0, 0])
  assert.deepEqual(values('penstock.response.bytes'), [3.5, 1024, 1024])
  const attributes = pointsIn(received, 'penstock.requests').map((point) => toObject(point.attributes))
  const endpoint = {
    'penstock.api.name': 'orders',
    'penstock.endpoint': 'GET /orders/{id}',
    'http.request.method': 'GET',
    'http.route': '/orders/{id}',
  }
  assert.deepEqual(attributes, [
    { ...endpoint, 'penstock.outcome': 'ok', 'penstock.status_class': '2xx' },
    {
      ...endpoint,
      'penstock.outcome': 'upstream_error',
      'penstock.status_class': '5xx',
      'error.type': 'upstream_error',
    },
    {
      'penstock.endpoint': '{unmatched}',
      'http.request.method': 'GET',
      'penstock.outcome': 'client_error',
      'penstock.status_class': '4xx',
    },
  ])
})

test('each gateway is a resource of its own, in one request', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyMetrics)
  await delivery.deliver(aBlock(['gw-1', 'gw-2', 'gw-1'].map((gateway) => aRecord({ gateway }))))
  const received = await place.collector.received()
  assert.equal(received.length, 1)
  assert.deepEqual(
    resourcesIn(received).map(({ resource }) => toObject(resource.attributes)['service.instance.id']),
    ['gw-1', 'gw-2'],
  )
  const values = pointsIn(received, 'penstock.requests').map(({ asDouble }) => asDouble)
  assert.deepEqual(values, [2, 1])
})

test('windows follow each other without gap, and blocks of one millisecond are told apart', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyMetrics)
  const appendedAtMs = 1_763_712_345_700
  const first = aBlock([aRecord({ ts: 1_763_712_345_600_001 })], { appendedAtMs, seq: 41 })
  const second = nextBlock(first, [aRecord()])
  const third = { ...nextBlock(second, [aRecord()]), appendedAtMs: appendedAtMs + 5 }
  for (const block of [first, second, third]) await delivery.deliver(block)
  const points = pointsIn(await place.collector.received(), 'penstock.requests')
  assert.deepEqual(
    points.map(({ startTimeUnixNano, timeUnixNano }) => [startTimeUnixNano, timeUnixNano]),
    [
      ['1763712345600001000', '1763712345700000041'],
      ['1763712345700000041', '1763712345700000042'],
      ['1763712345700000042', '1763712345705000043'],
    ],
  )
})

test('many series are sent in several requests, each series in one', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, { ...onlyMetrics, requestRecords: 3 })
  const records = someRecords(40)
  const block = aBlock(records)
  await delivery.write(block)
  await delivery.deliver(again(block))
  const received = await place.collector.received()
  assert.ok(received.length > 1)
  const points = pointsIn(received, 'penstock.requests')
  assert.equal(new Set(points.map(({ attributes }) => JSON.stringify(toObject(attributes)))).size, points.length)
  assert.equal(
    points.reduce((sum, { asDouble = 0 }) => sum + asDouble, 0),
    40,
  )
})
