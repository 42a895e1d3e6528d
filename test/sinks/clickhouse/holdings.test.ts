import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minuteOf } from '../../../record/minute-sum.ts'
import { aRecord } from '../../../record/sample.ts'
import clickhouse from '../../../sinks/clickhouse/clickhouse.ts'
import { scratchFolder } from '../../scratch.ts'
import { aBlock, openDelivery, patience } from '../delivery.ts'
import { holdingsContract, openHoldings } from '../holdings-contract.ts'
import { fresh, harness } from './place.ts'

holdingsContract('clickhouse', { ...harness, beside: true })

const person = { org: 'default', consumer: 'mallory' }

test('ids are named over many pages, and one that was inserted twice is named twice', async (t) => {
  const ts = Date.now() * 1000
  const records = Array.from({ length: 20_050 }, () => aRecord({ ts }))
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock(records))
  const [{ id } = { id: '' }] = records
  await place.run(`INSERT INTO penstock_requests SELECT * FROM penstock_requests WHERE id = '${id}'`)
  await using holdings = await openHoldings(clickhouse, place, await scratchFolder(t))
  const times = new Map<string, number>()
  for await (const { id: one } of holdings.ids(new Set([minuteOf(ts)]), patience()))
    times.set(one, (times.get(one) ?? 0) + 1)
  assert.equal(times.size, records.length)
  assert.deepEqual(
    [...times].filter(([, count]) => count !== 1),
    [[id, 2]],
  )
})

test('an erasure takes the consumer’s usage per hour, and leaves the sums per minute', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock([aRecord({ consumer: 'mallory' }), aRecord()]))
  await using holdings = await openHoldings(clickhouse, place, await scratchFolder(t))
  await holdings.erase(person, patience())
  assert.deepEqual(await place.rows('SELECT consumer, sum(calls) AS calls FROM penstock_usage_1h GROUP BY consumer'), [
    { consumer: 'acme', calls: 1 },
  ])
  assert.deepEqual(await place.rows('SELECT sum(calls) AS calls FROM penstock_usage_1m'), [{ calls: 2 }])
})

test('an erasure that was cut short is ended by the next one, and counted once', async (t) => {
  const place = await fresh(t)
  const records = [aRecord({ consumer: 'mallory' }), aRecord({ consumer: 'mallory' }), aRecord()]
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock(records))
  await using holdings = await openHoldings(clickhouse, place, await scratchFolder(t))
  const range = { from: 0, to: minuteOf(Date.now() * 1000) + 1 }
  const before = await holdings.minutes({ ...range, from: range.to - 60 }, patience())
  // As after a crash behind the sums: listed and summed up, and nothing deleted.
  await holdings.erase({ org: 'default', consumer: 'nobody' }, patience())
  await place.run(
    'CREATE TABLE penstock_erasing (erasure UUID, id UUID, minute UInt32, copies UInt64) ENGINE = MergeTree ORDER BY id',
  )
  await place.run(
    "INSERT INTO penstock_erasing SELECT '0189aaaa-0000-7000-8000-000000000001', id, toUInt32(intDiv(toUnixTimestamp64Micro(ts), 60000000)), 1 FROM penstock_requests WHERE consumer = 'mallory'",
  )
  await place.run(
    'INSERT INTO penstock_erased SELECT erasure, minute, sum(copies), bitAnd(sum(reinterpretAsUInt64(reverse(unhex(right(toString(id), 12))))), 281474976710655) FROM penstock_erasing GROUP BY erasure, minute',
  )
  const { removed } = await holdings.erase({ org: 'default', consumer: 'nobody' }, patience())
  assert.equal(removed, 2)
  const recent = { ...range, from: range.to - 60 }
  const left = new Map((await holdings.minutes(recent, patience())).map((sum) => [sum.minute, sum.records]))
  for (const { minute, records: gone } of await holdings.erased(recent, patience()))
    left.set(minute, (left.get(minute) ?? 0) + gone)
  assert.deepEqual(
    [...left].sort(([a], [b]) => a - b),
    before.map(({ minute, records: held }) => [minute, held]),
  )
})
