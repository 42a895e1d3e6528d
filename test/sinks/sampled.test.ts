import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { RequestRecord } from '../../record/fields.ts'
import { isFailed } from '../../record/outcome.ts'
import { aRecord } from '../../record/sample.ts'
import { plan } from '../../usage/plan.ts'
import { toResult } from '../../usage/result.ts'
import { aShape } from '../pump/shape/shapes.ts'
import * as clickhouse from './clickhouse/place.ts'
import { aBlock, openDelivery, patience } from './delivery.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'
import { freshCollector, otlpHarness } from './otlp-place.ts'
import { pointsIn } from './otlp-points.ts'
import { openPrometheusSink } from './prometheus-delivery.ts'
import { aFolder, openIn } from './store/place.ts'

const minuteUs = 60_000_000
const ts = Math.floor(Date.now() / 60_000 - 10) * minuteUs // of ten minutes ago: no retention is met

/** 3,000 requests, one of fifty failed. The ids are always the same, and so is what is kept. */
const all: readonly RequestRecord[] = Array.from({ length: 3000 }, (_, n) => {
  const id = hash('sha256', String(n))
  return aRecord({
    id: `01a4b7c8-3f20-7${id.slice(0, 3)}-8${id.slice(3, 6)}-${id.slice(6, 18)}`,
    ts: ts + n,
    status: n % 50 === 0 ? 503 : 200,
  })
})
const shape = aShape({ sample: { oneIn: 10 } })
const kept = all.flatMap((record) => shape.apply(record) ?? [])

const weightOf = (records: readonly RequestRecord[]) => records.reduce((sum, { weight }) => sum + weight, 0)
const calls = weightOf(kept)
const failed = all.filter(isFailed).length

test('the weights of what is sampled add up to all requests in expectation, and to the failed ones exactly', () => {
  const deviation = Math.sqrt((all.length - failed) * 9)
  assert.ok(Math.abs(calls - all.length) < 3 * deviation, `${calls} of ${all.length}, deviation ${deviation}`)
  assert.equal(weightOf(kept.filter(isFailed)), failed)
  assert.ok(kept.length < all.length / 5)
})

test('prometheus counts what sampled records stand for', async (t) => {
  const sink = await openPrometheusSink(t)
  await sink.deliver(kept)
  assert.equal(sink.total('penstock_requests_total'), calls)
  assert.equal(sink.total('penstock_failed_requests_total'), failed)
  assert.equal(sink.total('penstock_request_duration_seconds_count'), calls)
})

test('clickhouse counts what sampled records stand for, in its rows and in its rollups', async (t) => {
  const place = await clickhouse.fresh(t)
  await using delivery = await openDelivery(clickhouse.harness, place)
  await delivery.deliver(aBlock(kept))
  for (const sums of [
    'sum(weight) AS calls FROM penstock_requests',
    'sum(calls) AS calls, sum(failed) AS failed FROM penstock_usage_1m',
    'sum(calls) AS calls, sum(failed) AS failed FROM penstock_usage_1h',
  ]) {
    const [row] = await place.rows<{ calls: number; failed?: number }>(`SELECT ${sums}`)
    assert.deepEqual(row, { calls, ...(sums.includes('failed') ? { failed } : {}) })
  }
})

test('mongo counts what sampled records stand for, in its usage documents', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  await delivery.deliver(aBlock(kept))
  const documents = await place.db.collection('penstock_usage').find().toArray()
  const sum = (name: string) => documents.reduce((sum, document) => sum + Number(document[name]), 0)
  assert.deepEqual([sum('calls'), sum('failed')], [calls, failed])
  await delivery.holds(kept)
})

test('otlp metrics count what sampled records stand for, and its logs say their weight', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place)
  await delivery.deliver(aBlock(kept))
  await delivery.holds(kept)
  const values = pointsIn(await place.collector.received(), 'penstock.requests').map(({ asDouble = 0 }) => asDouble)
  assert.equal(
    values.reduce((sum, value) => sum + value, 0),
    calls,
  )
})

test('the store counts what sampled records stand for', async (t) => {
  const { store, append } = await openIn(t, await aFolder(t))
  await append(kept)
  const fromMs = ts / 1000
  const query = { metrics: ['calls', 'failed'] as const, by: [], filters: [], fromMs, toMs: fromMs + 60_000, limit: 1 }
  const result = toResult(query, await store.query(plan(query, { org: 'default' }), patience()))
  assert.deepEqual([result.total.calls, result.total.failed], [calls, failed])
})
