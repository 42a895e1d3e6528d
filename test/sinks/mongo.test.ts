import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { ConfigError } from '../../runtime/check.ts'
import { noLog } from '../../runtime/log.ts'
import mongo from '../../sinks/mongo/mongo.ts'
import { HaltError, RejectedError } from '../../sinks/sink.ts'
import { until } from '../services/until.ts'
import { sinkContract, someRecords } from './contract.ts'
import { aBlock, nextBlock, openDelivery } from './delivery.ts'
import { sinkFailureContract } from './failure-contract.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'

sinkContract('mongo', mongoHarness)

sinkFailureContract('mongo', {
  ...mongoHarness,
  port: ({ options }) => Number(new URL(String(options.url)).port),
  through: ({ options }, port) => ({ ...options, url: Object.assign(new URL(String(options.url)), { port }).href }),
  impatient: { timeoutMs: 500, connectTimeoutMs: 500 },
})

test('a start is kept to the microsecond, beside the date', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const record = aRecord({ ts: 1_763_712_345_678_901 })
  await delivery.deliver(aBlock([record]))
  const document = await place.db.collection('penstock_requests').findOne({ ts: new Date(1_763_712_345_678) })
  assert.equal(document?.tsUs, record.ts)
})

test('whole numbers of 64 bits are so in MongoDB, whether they are small or large', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  await delivery.deliver(aBlock([aRecord({ bytesIn: 1, bytesOut: Number.MAX_SAFE_INTEGER, status: 200 })]))
  const document = await place.db.collection('penstock_requests').findOne({}, { useBigInt64: true })
  assert.equal(document?.bytesIn, 1n)
  assert.equal(document?.bytesOut, BigInt(Number.MAX_SAFE_INTEGER))
  assert.equal(document?.status, 200)
})

test('names of tags and headers that MongoDB does not take are stored percent-encoded', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const record = aRecord({
    tags: { 'a.b': '1', $where: '2', '100%': '3', 'nul\0': '4', '': '5', plain: '6' },
    detail: { requestHeaders: { 'x.y': '$z' }, responseHeaders: { $x: '' } },
  })
  await delivery.deliver(aBlock([record]))
  await delivery.holds([record])
  const raw = place.db.collection('penstock_requests')
  assert.equal(await raw.countDocuments({ 'tags.plain': '6', 'tags.a%2Eb': '1', 'tags.%24where': '2' }), 1)
})

test('the raw collection keeps the newest records and no more than the config says', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place, { raw: { maxDocuments: 30 } })
  const first = aBlock(someRecords(25))
  const second = nextBlock(first, someRecords(25))
  await delivery.deliver(first)
  await delivery.deliver(second)
  const raw = place.db.collection<{ _id: string }>('penstock_requests')
  await until(async () => (await raw.countDocuments()) <= 30)
  const ids = [...first.records, ...second.records].map(({ id }) => id)
  assert.deepEqual(
    (await raw.find().toArray()).map(({ _id }) => _id),
    ids.slice(-30),
  )
})

test('an uncapped raw collection halts the sink with the command that caps it, and nothing is written', async (t) => {
  const place = await freshMongo(t)
  const raw = await place.db.createCollection('penstock_requests')
  await using delivery = await openDelivery(mongoHarness, place, { raw: { sizeBytes: 65_536, maxDocuments: 10 } })
  const error = await delivery.write(aBlock(someRecords(2))).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof HaltError)
  assert.match(error.message, /db\.runCommand\(\{"convertToCapped":"penstock_requests","size":65536\}\)/)
  assert.match(error.message, /db\.runCommand\(\{"collMod":"penstock_requests","cappedMax":10\}\)/)
  assert.equal(await raw.countDocuments(), 0)
})

test('a raw collection with another cap halts the sink with the command that changes it', async (t) => {
  const place = await freshMongo(t)
  await place.db.createCollection('penstock_requests', { capped: true, size: 1_000_000, max: 7 })
  await using delivery = await openDelivery(mongoHarness, place, { raw: { sizeBytes: 65_536 } })
  const error = await delivery.write(aBlock(someRecords(2))).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof HaltError)
  assert.match(error.message, /1000000 bytes and 7 documents where the config says 65536 bytes/)
  assert.match(error.message, /\{"collMod":"penstock_requests","cappedSize":65536,"cappedMax":0\}/)
})

test('a size that MongoDB rounds up is the size of the config', async (t) => {
  const place = await freshMongo(t)
  await place.db.createCollection('penstock_requests', { capped: true, size: 66_048 })
  await using delivery = await openDelivery(mongoHarness, place, { raw: { sizeBytes: 66_000 } })
  await delivery.deliver(aBlock(someRecords(2)))
})

test('a raw collection that is dropped while the sink runs comes back capped', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const first = aBlock(someRecords(2))
  await delivery.deliver(first)
  await place.db.collection('penstock_requests').drop()
  const second = nextBlock(first, someRecords(2))
  await delivery.deliver(second)
  await delivery.holds(second.records)
  const [found] = await place.db.listCollections({ name: 'penstock_requests' }).toArray()
  assert.equal(found && 'options' in found && found.options?.capped, true)
})

test('a record that is larger than a document may be is rejected by place, and its neighbours are stored', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  const tooLarge = aRecord({ detail: { responseBody: 'x'.repeat(16 * 1024 * 1024) } })
  const [one, two] = [aRecord(), aRecord()]
  const error = await delivery.write(aBlock([one, tooLarge, two])).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof RejectedError)
  assert.deepEqual(error.indexes, [1])
  assert.equal(error.othersStored, true)
  await delivery.holds([one, two])
  const usage = await place.db.collection('penstock_usage').find().toArray()
  assert.equal(
    usage.reduce((sum, { calls }) => sum + calls, 0),
    2,
  )
})

test('a refused login halts the sink, and the password is in no message', async (t) => {
  const place = await freshMongo(t)
  const url = Object.assign(new URL(place.options.url), { username: 'penstock', password: 'sesame-open' }).href
  const harness = { ...mongoHarness, secrets: ['sesame-open'] }
  await using delivery = await openDelivery(harness, place, { url })
  await assert.rejects(delivery.write(aBlock(someRecords(2))), HaltError)
})

for (const [what, url] of Object.entries({
  'an unknown option': 'mongodb://penstock:sesame-open@localhost:1/db?capasity=1',
  'a password that is not encoded': 'mongodb://penstock:sesame-open%@localhost:1/db',
  'a port that is none': 'mongodb://penstock:sesame-open@localhost:99999/db',
}))
  test(`an address with ${what} is refused at the start, without telling the password`, async () => {
    const options = mongo.options.parse({ url })
    await assert.rejects(mongo.open(options, { name: 'mongo', log: noLog, dataDir: '' }), (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.doesNotMatch(`${error.stack}${error.cause}`, /sesame-open/)
      return true
    })
  })

test('an address without a database is refused with an example', () => {
  const { error } = mongo.options.safeParse({ url: 'mongodb://penstock:sesame-open@localhost' })
  assert.match(String(error?.message), /mongodb:\/\/localhost:27017\/penstock/)
  assert.doesNotMatch(String(error?.message), /sesame-open/)
})

test('usage that is older than its retention is deleted, by the first pump and by the next', async (t) => {
  const place = await freshMongo(t)
  const usage = place.db.collection<{ _id: string; received: Date }>('penstock_usage')
  const day = 86_400_000
  for (const pump of ['first', 'next']) {
    await usage.insertMany([
      { _id: `old ${pump}`, received: new Date(Date.now() - 9 * day) },
      { _id: `young ${pump}`, received: new Date(Date.now() - 7 * day) },
    ])
    await using delivery = await openDelivery(mongoHarness, place, { usage: { retentionDays: 8 } })
    await delivery.deliver(aBlock([aRecord()]))
    assert.equal(await usage.countDocuments({ _id: /^old/ }), 0)
  }
  assert.equal(await usage.countDocuments({ _id: /^young/ }), 2)
})
