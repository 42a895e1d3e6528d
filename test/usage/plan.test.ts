import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RequestRecord } from '../../record/fields.ts'
import { outcomes } from '../../record/outcome.ts'
import { aRecord } from '../../record/sample.ts'
import { type Dimension, numberFields, textDimensions } from '../../usage/dimension.ts'
import type { Filter } from '../../usage/filter.ts'
import { metricNames } from '../../usage/metric.ts'
import { plan } from '../../usage/plan.ts'
import type { UsageQuery } from '../../usage/query.ts'
import { toResult } from '../../usage/result.ts'
import { patience } from '../sinks/delivery.ts'
import { aFolder, openIn, type TestStore } from '../sinks/store/place.ts'
import { countByHand } from './naive.ts'

const nine = Date.UTC(2026, 10, 21, 9)
const hourMs = 3_600_000

async function ask({ store }: TestStore, query: UsageQuery, org = 'default') {
  return toResult(query, await store.query(plan(query, { org }), patience()))
}

const text = fc.constantFrom('', 'a', 'b', "it's", 'x;y', 'ü', '🙂', '{id}', '\0')
const tagName = fc.constantFrom('tier', 'a.b', 'with/slash', '~', '0', 'ünï "q"')
const duration = fc.oneof(fc.constantFrom(0, 1, 1023, 1024, 1025, 2 ** 40), fc.nat(5_000_000))

const anyRecord: fc.Arbitrary<RequestRecord> = fc
  .record({
    ts: fc.integer({ min: nine - 2 * hourMs, max: nine + 2 * hourMs }).map((ms) => ms * 1000),
    org: fc.constantFrom('default', 'default', 'default', 'other'),
    weight: fc.constantFrom(1, 1, 1, 2, 2.5, 3.5, 10),
    api: text,
    endpoint: text,
    consumer: text,
    host: text,
    status: fc.constantFrom(200, 201, 304, 404, 429, 499, 500, 503, 504),
    outcome: fc.constantFrom(...outcomes),
    totalUs: duration,
    bytesIn: fc.nat(1000),
    bytesOut: fc.nat(),
    tags: fc.dictionary(tagName, text, { noNullPrototype: true }),
  })
  .map((fields) => aRecord(fields))

const dimension: fc.Arbitrary<Dimension> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom<Dimension>('api', 'endpoint', 'consumer', 'host', 'status', 'statusClass', 'outcome'),
  },
  { weight: 1, arbitrary: fc.constantFrom<Dimension>(...textDimensions) },
  { weight: 2, arbitrary: tagName.map((name): Dimension => `tags.${name}`) },
)

const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({
    field: fc.constantFrom<Dimension>('api', 'consumer', 'outcome', 'tags.tier', 'tags.with/slash'),
    comparison: fc.constantFrom('==' as const, '!=' as const),
    values: fc.array(fc.oneof(text, fc.constantFrom<string>(...outcomes)), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    field: fc.constantFrom('status' as const, 'bytesIn' as const),
    comparison: fc.constantFrom('==' as const, '!=' as const),
    values: fc.array(fc.constantFrom(200, 404, 500, 7), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    field: fc.constantFrom(...numberFields),
    comparison: fc.constantFrom('>=' as const, '<=' as const, '>' as const, '<' as const),
    values: fc.tuple(fc.constantFrom(0, 1, 300, 500, 1024, 100_000)),
  }),
)

const anyQuery: fc.Arbitrary<UsageQuery> = fc
  .record({
    metrics: fc.shuffledSubarray(metricNames, { minLength: 1 }),
    by: fc.uniqueArray(dimension, { maxLength: 4 }),
    filters: fc.array(filter, { maxLength: 2 }),
    fromMs: fc.integer({ min: nine - 3 * hourMs, max: nine }),
    lengthMs: fc.integer({ min: 1, max: 4 * hourMs }),
    limit: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ lengthMs, ...query }) => ({ ...query, toMs: query.fromMs + lengthMs }))

/** Sums of halves are exact in any order; a rate of other sums may differ in its last digit. */
function assertEqualNumbers(actual: unknown, expected: unknown, path = ''): void {
  if (typeof actual === 'number' && typeof expected === 'number') {
    const isClose = Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected))
    assert.ok(isClose, `${path}: ${actual}, not ${expected}`)
  } else if (actual !== null && typeof actual === 'object' && expected !== null && typeof expected === 'object') {
    assert.deepEqual(Object.keys(actual), Object.keys(expected), path)
    for (const [key, value] of Object.entries(actual))
      assertEqualNumbers(value, (expected as Record<string, unknown>)[key], `${path}.${key}`) // compared by name
  } else assert.equal(actual, expected, path)
}

test('every answer is what counting by hand gives, whatever the records and the question', async (t) => {
  const sets = fc.sample(fc.array(anyRecord, { maxLength: 120 }), 8)
  for (const records of sets) {
    const store = await openIn(t, await aFolder(t))
    const cut = Math.floor(records.length / 3)
    for (const part of [records.slice(0, cut), records.slice(cut)])
      await store.append(part, { appendedAtMs: nine + hourMs })
    const holds = async (query: UsageQuery) => {
      const { rows, other, total } = await ask(store, query)
      assertEqualNumbers({ rows, other, total }, countByHand(query, 'default', records))
    }
    await fc.assert(fc.asyncProperty(anyQuery, holds), { numRuns: 40 })
    await store.close()
  }
})

const hour: UsageQuery = {
  metrics: ['calls'],
  by: ['consumer'],
  filters: [],
  fromMs: nine,
  toMs: nine + hourMs,
  limit: 20,
}

test('a tenant never sees a record of another one, whatever the question says', async (t) => {
  const store = await openIn(t, await aFolder(t))
  await store.append([
    aRecord({ org: 'a', ts: nine * 1000, consumer: 'of a' }),
    aRecord({ org: 'b', ts: nine * 1000, consumer: 'of b' }),
  ])
  const attempts: Filter[] = [
    { field: 'consumer', comparison: '==', values: ["x') OR ('1'='1"] },
    { field: 'consumer', comparison: '!=', values: ["'); DROP TABLE records; --"] },
    { field: "tags.x') OR 1=1 --", comparison: '!=', values: ['$p0', '?'] },
  ]
  assert.deepEqual((await ask(store, hour, 'a')).rows, [{ consumer: 'of a', calls: 1 }])
  for (const filter of attempts) {
    for (const row of (await ask(store, { ...hour, filters: [filter] }, 'a')).rows) assert.equal(row.consumer, 'of a')
  }
  assert.deepEqual((await ask(store, { ...hour, by: [] }, "a' OR 'b")).total, { calls: 0 })
})

test('no value of a question stands in the text of its statement', () => {
  const query: UsageQuery = {
    ...hour,
    by: ['tags.needle'],
    filters: [
      { field: 'api', comparison: '==', values: ['needle'] },
      { field: 'tags.needle', comparison: '!=', values: ['needle'] },
    ],
  }
  const { sql, params } = plan(query, { org: 'needle' })
  assert.doesNotMatch(sql, /needle/)
  assert.equal(Object.values(params).filter((value) => String(value).includes('needle')).length, 5)
})

test('an empty store answers with nothing', async (t) => {
  const store = await openIn(t, await aFolder(t))
  const result = await ask(store, { ...hour, metrics: [...metricNames] })
  assert.deepEqual(result.rows, [])
  assert.equal(result.other, null)
  assert.equal(result.as_of, null)
  assert.deepEqual(result.total, {
    calls: 0,
    failed: 0,
    success_rate: null,
    error_rate: null,
    p50: null,
    p95: null,
    p99: null,
    bytes_in: 0,
    bytes_out: 0,
    consumers: 0,
  })
  assert.deepEqual(result.coverage, { complete: true, complete_from: null, sampled: false })
})

test('the answer says up to when records are in it, and whether they stand for others', async (t) => {
  const store = await openIn(t, await aFolder(t))
  await store.append([aRecord({ ts: nine * 1000, weight: 10 })], { appendedAtMs: nine + 2000 })
  const result = await ask(store, hour)
  assert.equal(result.as_of, '2026-11-21T09:00:02.000Z')
  assert.equal(result.total.calls, 10)
  assert.equal(result.coverage.sampled, true)
})
