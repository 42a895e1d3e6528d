import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { RequestRecord } from '../../../record/fields.ts'
import { isCounted, isFailed, outcomes } from '../../../record/outcome.ts'
import { countedSql, failedSql } from '../../../record/outcome-sql.ts'
import { aRecord } from '../../../record/sample.ts'
import { addValue, bucketOf, bucketSql, type Sketch } from '../../../record/sketch.ts'
import { migrations } from '../../../sinks/clickhouse/migrate.ts'
import { openClickHouse } from '../../services/clickhouse.ts'
import { someRecords } from '../contract.ts'
import { aBlock, again, type Delivery, nextBlock, openDelivery } from '../delivery.ts'
import { type ClickHousePlace, fresh, harness, placeAt } from './place.ts'

const minuteUs = 60_000_000
const hourUs = 60 * minuteUs
const start = Math.floor(Date.now() / 3_600_000) * hourUs - 3 * hourUs // three whole hours ago, so that retention is no matter

/** Records over two hours with every kind of end, so that each group of both rollups has several. */
const usageRecords = (count: number) =>
  someRecords(count).map((record, index) => ({
    ...record,
    ts: start + index * 7 * minuteUs + index,
    outcome: outcomes[index % outcomes.length] ?? 'ok',
    status: [200, 404, 429, 502, 499][index % 5] ?? 200,
    useCase: `case ${index % 2}`,
    upstreamUs: index * 11,
    bytesIn: index,
    weight: 1 + (index % 3),
  }))

interface UsageRow {
  calls: number
  counted: number
  failed: number
  bytes_in_sum: number
  bytes_out_sum: number
  total_us_sum: number
  total_us_max: string
  total_us_sketch: Record<string, string>
}

/** The same sums from the records themselves. */
function expected(
  records: readonly RequestRecord[],
  groupOf: (record: RequestRecord) => string,
): Record<string, UsageRow> {
  const groups = Map.groupBy(records, groupOf)
  return Object.fromEntries(
    [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, group]) => [key, usageOf(group)]),
  )
}

function usageOf(group: readonly RequestRecord[]): UsageRow {
  const sum = (of: (record: RequestRecord) => number) => group.reduce((total, record) => total + of(record), 0)
  const sketch: Sketch = new Map()
  for (const { totalUs, weight } of group) addValue(sketch, totalUs, weight)
  return {
    calls: sum(({ weight }) => weight),
    counted: sum((record) => (isCounted(record) ? record.weight : 0)),
    failed: sum((record) => (isFailed(record) ? record.weight : 0)),
    bytes_in_sum: sum(({ bytesIn, weight }) => bytesIn * weight),
    bytes_out_sum: sum(({ bytesOut, weight }) => bytesOut * weight),
    total_us_sum: sum(({ totalUs, weight }) => totalUs * weight),
    total_us_max: `${Math.max(...group.map(({ totalUs }) => totalUs))}`,
    total_us_sketch: Object.fromEntries([...sketch].sort(([a], [b]) => a - b).map(([bucket, n]) => [bucket, `${n}`])),
  }
}

const sums = `sum(calls) AS calls, sum(counted) AS counted, sum(failed) AS failed, sum(bytes_in_sum) AS bytes_in_sum,
  sum(bytes_out_sum) AS bytes_out_sum, sum(total_us_sum) AS total_us_sum, max(total_us_max) AS total_us_max,
  sumMap(total_us_sketch) AS total_us_sketch`

async function usage({ rows }: ClickHousePlace, table: string, keys: readonly string[]) {
  const key = `concat(${keys.map((name) => `toString(${name === 't' ? 'toUnixTimestamp(t)' : name})`).join(", '|', ")})`
  const found = await rows<UsageRow & { key: string }>(
    `SELECT ${key} AS key, * FROM (SELECT ${keys}, ${sums} FROM ${table} GROUP BY ${keys}) ORDER BY key`,
  )
  return Object.fromEntries(
    found.map(({ key, ...row }) => {
      for (const name of keys) delete (row as Record<string, unknown>)[name] // keys are in `key`
      return [key, row]
    }),
  )
}

const perMinute = ['org', 'api', 't', 'endpoint', 'method'] as const
const perHour = ['org', 't', 'api', 'endpoint', 'consumer', 'team', 'use_case', 'method', 'status', 'outcome'] as const
const seconds = ({ ts }: RequestRecord, unitUs: number) => (Math.floor(ts / unitUs) * unitUs) / 1_000_000
const minuteOf = (r: RequestRecord) => [r.org, r.api, seconds(r, minuteUs), r.endpoint, r.method].join('|')
const hourOf = (r: RequestRecord) =>
  [r.org, seconds(r, hourUs), r.api, r.endpoint, r.consumer, r.team, r.useCase, r.method, r.status, r.outcome].join('|')

/** Asserts that the records and both rollups are exact. */
async function holdsExactly(delivery: Delivery, place: ClickHousePlace, records: readonly RequestRecord[]) {
  await delivery.holds(records)
  assert.deepEqual(await usage(place, 'penstock_usage_1m', perMinute), expected(records, minuteOf))
  assert.deepEqual(await usage(place, 'penstock_usage_1h', perHour), expected(records, hourOf))
}

async function open(t: TestContext) {
  const place = await fresh(t)
  return { place, delivery: await openDelivery(harness, place) }
}

test('usage per minute and per hour is what the records add up to', async (t) => {
  const { place, delivery } = await open(t)
  await using _ = delivery
  const first = aBlock(usageRecords(50))
  const second = nextBlock(first, usageRecords(31))
  await delivery.deliver(first)
  await delivery.deliver(second)
  await holdsExactly(delivery, place, [...first.records, ...second.records])
  await place.run('OPTIMIZE TABLE penstock_usage_1m FINAL')
  await place.run('OPTIMIZE TABLE penstock_usage_1h FINAL')
  await holdsExactly(delivery, place, [...first.records, ...second.records])
})

test('a block that comes twice is counted once in records and rollups', async (t) => {
  const { place, delivery } = await open(t)
  await using _ = delivery
  const block = aBlock(usageRecords(40))
  await delivery.write(block)
  await delivery.write(again(block))
  await delivery.deliver(again(block))
  await holdsExactly(delivery, place, block.records)
})

test('a block that the next process sends again is counted once in records and rollups', async (t) => {
  const { place, delivery } = await open(t)
  await using _ = delivery
  const block = aBlock(usageRecords(40))
  await delivery.write(block)
  await delivery.restart()
  await delivery.deliver(again(block))
  await holdsExactly(delivery, place, block.records)
})

test('the halves of a block that was refused are counted once in records and rollups', async (t) => {
  const { place, delivery } = await open(t)
  await using _ = delivery
  const records = usageRecords(40)
  const poison = aRecord({ id: 'not-a-uuid' })
  await assert.rejects(delivery.write(aBlock([...records, poison])), { name: 'RejectedError' })
  const first = aBlock(records.slice(0, 20))
  const second = nextBlock(first, records.slice(20))
  for (const half of [first, second]) {
    await delivery.write(half)
    await delivery.deliver(again(half))
  }
  await holdsExactly(delivery, place, records)
})

test('a block that comes again after the server was killed is counted once in records and rollups', async (t) => {
  await using server = await openClickHouse()
  const place = placeAt(t, new URL('/default', server.url))
  await using delivery = await openDelivery(harness, place)
  const block = aBlock(usageRecords(40))
  await delivery.write(block)
  await server.kill()
  await server.restart()
  await delivery.deliver(again(block))
  await holdsExactly(delivery, place, block.records)
})

test('consumers and keys of a minute are counted once each', async (t) => {
  const { place, delivery } = await open(t)
  await using _ = delivery
  const records = usageRecords(40).map((record) => ({ ...record, ts: start }))
  await delivery.deliver(aBlock(records))
  const counts = 'uniqCombined64Merge(12)(consumers) AS consumers, uniqCombined64Merge(12)(keys) AS keys'
  assert.deepEqual(await place.rows(`SELECT ${counts} FROM penstock_usage_1m`), [{ consumers: '5', keys: '1' }])
})

test('the SQL of failed and counted says what the functions say, for every status and outcome', async (t) => {
  const { rows } = await fresh(t)
  const statuses = Array.from({ length: 500 }, (_, index) => index + 100)
  const quoted = outcomes.map((outcome) => `'${outcome}'`)
  const found = await rows(
    `SELECT status, outcome, toBool(${failedSql}) AS failed, toBool(${countedSql}) AS counted
     FROM (SELECT arrayJoin(range(100, 600)) AS status) AS s CROSS JOIN (SELECT arrayJoin([${quoted}]) AS outcome) AS o
     ORDER BY status, indexOf([${quoted}], outcome)`,
  )
  const all = statuses.flatMap((status) => outcomes.map((outcome) => ({ status, outcome })))
  assert.deepEqual(
    found,
    all.map((ending) => ({ ...ending, failed: isFailed(ending), counted: isCounted(ending) })),
  )
})

test('the SQL of a bucket says what the function says, up to the largest integer', async (t) => {
  const { rows } = await fresh(t)
  const edges = Array.from({ length: 53 }, (_, exponent) => 2 ** exponent).flatMap((power) => [
    power - 1,
    power,
    power + 1,
  ])
  const random = fc.sample(fc.oneof(fc.nat(), fc.maxSafeNat()), { numRuns: 5000, seed: 1 })
  const values = [...edges, ...random, Number.MAX_SAFE_INTEGER]
  const found = await rows<{ bucket: number }>(
    `SELECT ${bucketSql('value')} AS bucket FROM (SELECT arrayJoin(CAST([${values}], 'Array(UInt64)')) AS value)`,
  )
  assert.deepEqual(
    found.map(({ bucket }) => bucket),
    values.map(bucketOf),
  )
})

test('the views of the migrations hold these SQL forms', () => {
  const text = migrations({ prefix: '' })
    .flatMap(({ statements }) => statements)
    .join('\n')
  for (const sql of [`sumIf(weight, ${failedSql})`, `sumIf(weight, ${countedSql})`]) assert.ok(text.includes(sql), sql)
  for (const column of ['total_us', 'upstream_us']) assert.ok(text.includes(bucketSql(column)), column)
})
