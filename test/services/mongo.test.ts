import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MongoClient } from 'mongodb'
import { mongoUrl } from './shared.ts'
import { until } from './until.ts'

test('each test has a database of its own in the shared server', async (t) => {
  await using first = new MongoClient(await mongoUrl(t))
  await using second = new MongoClient(await mongoUrl(t))
  await first.db().collection('things').insertOne({ a: 1 })
  assert.equal(await second.db().collection('things').countDocuments(), 0)
})

test('a capped collection is cut to its newest documents', async (t) => {
  await using client = new MongoClient(await mongoUrl(t))
  const capped = await client.db().createCollection<{ n: number }>('capped', { capped: true, size: 1_000_000, max: 10 })
  for (let n = 0; n < 30; n++) await capped.insertOne({ n })
  await until(async () => (await capped.countDocuments()) <= 10)
  const newest = Array.from({ length: 10 }, (_, index) => 20 + index)
  assert.deepEqual(
    (await capped.find().toArray()).map(({ n }) => n),
    newest,
  )
})

test('concurrent increments add up', async (t) => {
  await using client = new MongoClient(await mongoUrl(t))
  const counters = client.db().collection<{ _id: string; n: number }>('counters')
  const increment = () => counters.updateOne({ _id: 'a' }, { $inc: { n: 1 } }, { upsert: true })
  await Promise.all(Array.from({ length: 50 }, increment))
  assert.equal((await counters.findOne({ _id: 'a' }))?.n, 50)
})

test('a write that waits for no answer arrives', async (t) => {
  await using client = new MongoClient(await mongoUrl(t))
  const things = client.db().collection('things')
  await things.insertOne({ a: 1 }, { writeConcern: { w: 0 } })
  await until(async () => (await things.countDocuments()) === 1)
})
