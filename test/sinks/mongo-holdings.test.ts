import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BSON } from 'mongodb'
import { minuteOf } from '../../record/minute-sum.ts'
import { aRecord } from '../../record/sample.ts'
import mongo from '../../sinks/mongo/mongo.ts'
import { scratchFolder } from '../scratch.ts'
import { until } from '../services/until.ts'
import { someRecords } from './contract.ts'
import { aBlock, nextBlock, openDelivery, patience } from './delivery.ts'
import { holdingsContract, openHoldings, sumsOf } from './holdings-contract.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'
import { openMongoRelay } from './mongo-relay.ts'

holdingsContract('mongo', { ...mongoHarness, beside: true })

const mallory = { org: 'default', consumer: 'mallory' }
const minutesAround = () => ({ from: minuteOf(Date.now() * 1000) - 10, to: minuteOf(Date.now() * 1000) + 10 })

test('an erasure takes the consumer’s usage per hour', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  await delivery.deliver(aBlock([aRecord(mallory), aRecord()]))
  await using holdings = await openHoldings(mongo, place, await scratchFolder(t))
  const { notes } = await holdings.erase(mallory, patience())
  assert.match(notes.join(' '), /usage per hour are deleted/)
  const hours = await place.db.collection('penstock_usage').find().project({ consumer: 1 }).toArray()
  assert.deepEqual(
    hours.map(({ consumer }) => consumer),
    ['acme'],
  )
})

test('an erasure that was cut short is ended by the next one, and counted once', async (t) => {
  const place = await freshMongo(t)
  const records = [aRecord(mallory), aRecord(mallory), aRecord()]
  await using delivery = await openDelivery(mongoHarness, place)
  await delivery.deliver(aBlock(records))
  const theirs = records.slice(0, 2)
  const step = { _id: 'a' as never, minutes: sumsOf(theirs), ids: theirs.map(({ id }) => id) }
  await place.db.collection('penstock_requests_erased').insertOne(step)
  await using holdings = await openHoldings(mongo, place, await scratchFolder(t))
  assert.equal((await holdings.erase({ ...mallory, consumer: 'nobody' }, patience())).removed, 2)
  assert.deepEqual(await holdings.erased(minutesAround(), patience()), sumsOf(theirs))
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records.slice(2)))
})

test('where nothing can be deleted from a capped collection, records are overwritten at their size', async (t) => {
  const place = await freshMongo(t)
  const detail = { requestHeaders: { 'x.who': 'Mällory' }, requestBody: 'I am mallory', truncated: ['responseBody'] }
  const named = { ...mallory, team: 'mallory', path: '/people/mallory', tags: { who: 'mallory' }, detail }
  const records = [aRecord(named), aRecord(), aRecord(named)]
  await using delivery = await openDelivery(mongoHarness, place)
  await delivery.deliver(aBlock(records))
  const url = new URL(place.options.url)
  await using relay = await openMongoRelay({ port: Number(url.port) })
  url.port = String(relay.port)
  relay.keepAllOf('penstock_requests')
  const options = { ...place.options, url: url.href }
  await using holdings = await openHoldings(mongo, { options }, await scratchFolder(t))

  const raw = place.db.collection('penstock_requests')
  const sizes = async () => (await raw.find().toArray()).map((document) => BSON.calculateObjectSize(document))
  const before = await sizes()
  const { removed, overwritten, notes } = await holdings.erase(mallory, patience())
  assert.deepEqual([removed, overwritten], [0, 2])
  assert.match(notes.join(' '), /deletes nothing from a capped collection/)
  assert.deepEqual(await sizes(), before)
  assert.doesNotMatch(JSON.stringify(await raw.find().toArray()), /m.?.?llory/i)
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records))
  assert.deepEqual(await holdings.erased(minutesAround(), patience()), [])
  const again = await holdings.erase(mallory, patience())
  assert.deepEqual([again.removed, again.overwritten], [0, 0])
})

test('of a capped collection that is full, the minutes before its oldest records cannot be judged', async (t) => {
  const place = await freshMongo(t)
  const horizon = async (raw: object) => {
    await using holdings = await openHoldings(mongo, { options: { ...place.options, raw } }, await scratchFolder(t))
    return await holdings.horizon(patience())
  }
  const raw = { maxDocuments: 20 }
  assert.equal(await horizon(raw), undefined)
  await using delivery = await openDelivery(mongoHarness, place, { raw })
  const ts = (minute: number) => Date.UTC(2026, 0, 1, 0, minute) * 1000
  const first = aBlock(someRecords(10).map((record) => ({ ...record, ts: ts(0) })))
  await delivery.deliver(first)
  assert.equal(await horizon(raw), undefined)
  const second = nextBlock(
    first,
    someRecords(12).map((record) => ({ ...record, ts: ts(5), totalUs: 0 })),
  )
  await delivery.deliver(second)
  const kept = await horizon(raw)
  assert.ok(kept && kept.minute > minuteOf(ts(0)) && kept.minute <= minuteOf(ts(5)) + 1)
  await until(async () => (await place.db.collection('penstock_requests').countDocuments()) <= 20, { what: 'the cap' })
})
