import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import type { Block } from '../../sinks/sink.ts'
import { someRecords } from './contract.ts'
import { aBlock, again, nextBlock, openDelivery } from './delivery.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'
import { usageIn, usageOf } from './mongo-usage.ts'

const hourUs = 3_600_000_000
const noon = Date.UTC(2026, 5, 1, 12) * 1000

test('usage is summed per hour, API, endpoint and consumer, weighted', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const records = [
    aRecord({ ts: noon, totalUs: 0, bytesIn: 5_000_000_000 }),
    aRecord({ ts: noon + hourUs - 1, totalUs: 90_000, weight: 2.5 }),
    aRecord({ ts: noon + hourUs, totalUs: 7 }),
    aRecord({ ts: noon, status: 503 }),
    aRecord({ ts: noon, status: 404 }),
    aRecord({ ts: noon, status: 499, outcome: 'client_aborted' }),
    aRecord({ ts: noon, api: 'other' }),
    aRecord({ ts: noon, org: 'other' }),
    aRecord({ ts: noon, consumer: 'with.dots and $' }),
    aRecord({ ts: 0, endpoint: '{unmatched}' }),
  ]
  await delivery.deliver(aBlock(records))
  assert.deepEqual(await usageIn(place.db), usageOf(records))
})

test('blocks add up, and each counts once however often it is sent', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const blocks: Block[] = [aBlock(someRecords(30), { seq: 7 })]
  while (blocks.length < 4) blocks.push(nextBlock(blocks.at(-1)!, someRecords(30))) // never empty
  for (const block of blocks) {
    await delivery.write(block)
    await delivery.restart()
    await delivery.deliver(again(block))
  }
  assert.deepEqual(await usageIn(place.db), usageOf(blocks.flatMap(({ records }) => records)))
})

test('blocks of one record count once each, however often they are sent', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const first = aBlock([aRecord({ ts: noon })])
  const second = nextBlock(first, [aRecord({ ts: noon })])
  for (const block of [first, again(first), second, again(second)]) await delivery.deliver(block)
  assert.deepEqual(await usageIn(place.db), usageOf([...first.records, ...second.records]))
})

test('a block that comes late, after its successor was added, changes nothing any more', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const first = aBlock(someRecords(30))
  const second = nextBlock(first, someRecords(30))
  await delivery.deliver(first)
  await delivery.deliver(second)
  await delivery.write(again(first))
  assert.deepEqual(await usageIn(place.db), usageOf([...first.records, ...second.records]))
})

test('shards count beside each other, with places of their own', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const blocks = ['0', '1'].map((shard) => aBlock(someRecords(30), { shard }))
  for (const block of blocks) await delivery.deliver(block)
  assert.deepEqual(await usageIn(place.db), usageOf(blocks.flatMap(({ records }) => records)))
})

test('a block that was sent whole and is sent again in two parts counts once', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  // A gap between two frames, as on Kafka: places of records are not the number of records before them.
  const whole = aBlock(someRecords(30), { seq: 100, endSeq: 9000 })
  await delivery.write(whole)
  await delivery.write({ ...again(whole), records: whole.records.slice(0, 11), endSeq: 111 })
  await delivery.write({ ...again(whole), records: whole.records.slice(11), seq: 8000 })
  assert.deepEqual(await usageIn(place.db), usageOf(whole.records))
})

test('a log that was reset begins its places anew, and what it takes again counts once', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const before = aBlock(someRecords(30), { incarnation: 'old', seq: 5000 })
  await delivery.deliver(before)
  const fresh = someRecords(20)
  const after = aBlock([...before.records.slice(10), ...fresh], { incarnation: 'new', seq: 0 })
  await delivery.write(after)
  await delivery.deliver(again(after))
  await delivery.holds([...before.records, ...fresh])
  assert.deepEqual(await usageIn(place.db), usageOf([...before.records, ...fresh]))
})
