import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { noLog } from '../../runtime/log.ts'
import mongo from '../../sinks/mongo/mongo.ts'
import { HaltError } from '../../sinks/sink.ts'
import { freePort } from '../services/port.ts'
import { someRecords } from './contract.ts'
import { aBlock, nextBlock, openDelivery, patience } from './delivery.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'

async function aResender(t: TestContext, options: object) {
  const context = { name: 'mongo', log: noLog, dataDir: '' }
  const resender = await mongo.resender?.(mongo.options.parse(options), context)
  assert.ok(resender)
  t.after(() => resender[Symbol.asyncDispose]())
  return resender
}

test('what is missing is stored and what is there is left; usage is not counted again', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const records = someRecords(20)
  const first = aBlock(records.slice(0, 12))
  await delivery.deliver(first)
  await delivery.deliver(nextBlock(first, records.slice(12)))
  const usage = () => place.db.collection('penstock_usage').find().sort({ _id: 1 }).toArray()
  const before = await usage()
  const lost = records.slice(10, 15).map(({ id }) => id)
  await place.db.collection<{ _id: string }>('penstock_requests').deleteMany({ _id: { $in: lost } })

  const resender = await aResender(t, place.options)
  const again = { records, incarnation: 'a', shard: '0', seq: 0 }
  assert.deepEqual(await resender.resend(again, patience()), { stored: 5, present: 15, refused: [] })
  assert.deepEqual(await resender.resend(again, patience()), { stored: 0, present: 20, refused: [] })
  await delivery.holds(records)
  assert.deepEqual(await usage(), before)
})

test('another life of the log does not count once more what was sent again', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const records = someRecords(10)
  await delivery.deliver(aBlock(records))
  await place.db.collection('penstock_requests').deleteMany({})
  const resender = await aResender(t, place.options)
  await resender.resend({ records: records.slice(4), incarnation: 'a', shard: '0', seq: 4 }, patience())
  await delivery.deliver(aBlock(records.slice(4), { incarnation: 'b' }))
  const calls = await place.db.collection('penstock_usage').find().toArray()
  assert.equal(
    calls.reduce((sum, { calls: some }) => sum + Number(some), 0),
    10,
  )
})

test('a collection that is gone is made anew, capped; one that is not capped is refused', async (t) => {
  const place = await freshMongo(t)
  const resender = await aResender(t, place.options)
  const block = { records: someRecords(3), incarnation: 'a', shard: '0', seq: 0 }
  assert.equal((await resender.resend(block, patience())).stored, 3)
  assert.equal(await place.db.collection('penstock_requests').isCapped(), true)
  await place.db.dropCollection('penstock_requests')
  await place.db.createCollection('penstock_requests')
  await assert.rejects(resender.resend(block, patience()), HaltError)
})

test('a server that is away asks for another attempt', async (t) => {
  const resender = await aResender(t, { url: `mongodb://127.0.0.1:${await freePort()}/x`, connectTimeoutMs: 200 })
  const block = { records: someRecords(1), incarnation: 'a', shard: '0', seq: 0 }
  await assert.rejects(resender.resend(block, patience()), { name: 'RetryableError' })
})
