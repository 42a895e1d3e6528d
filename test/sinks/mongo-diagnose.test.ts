import assert from 'node:assert/strict'
import { test } from 'node:test'
import mongo from '../../sinks/mongo/mongo.ts'
import { freePort } from '../services/port.ts'
import { someRecords } from './contract.ts'
import { aBlock, openDelivery } from './delivery.ts'
import { examine } from './findings.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'

test('an empty database is fine, and an examination makes no collection in it', async (t) => {
  const place = await freshMongo(t)
  const { levels } = await examine(mongo, place.options)
  assert.deepEqual(levels, { server: 'ok', clock: 'ok', records: 'ok', usage: 'ok' })
  assert.deepEqual(await place.db.listCollections().toArray(), [])
})

test('collections that the sink has made are fine, and what the records’ one holds is told', async (t) => {
  const place = await freshMongo(t)
  await using delivery = await openDelivery(mongoHarness, place)
  await delivery.deliver(aBlock(someRecords(5)))
  const { levels, findings } = await examine(mongo, place.options)
  assert.deepEqual([levels.records, levels.usage], ['ok', 'ok'])
  assert.match(
    findings.find(({ what }) => what === 'records')?.found ?? '',
    /capped at 1 GiB and holds 5 records, the first of 20/,
  )
})

test('a collection that is not capped, or capped otherwise, is an error with the command that mends it', async (t) => {
  const place = await freshMongo(t)
  await place.db.createCollection('penstock_requests')
  const uncapped = await examine(mongo, place.options)
  assert.equal(uncapped.levels.records, 'error')
  assert.match(uncapped.of('records').advice, /convertToCapped/)
  await place.db.dropCollection('penstock_requests')
  await place.db.createCollection('penstock_requests', { capped: true, size: 8192 })
  assert.match((await examine(mongo, place.options)).of('records').advice, /cappedSize/)
})

test('a usage collection without indexes is a warning', async (t) => {
  const place = await freshMongo(t)
  await place.db.createCollection('penstock_usage')
  const { of } = await examine(mongo, place.options)
  assert.match(of('usage').advice, /db\.penstock_usage\.createIndex\(\{"received":1\}\)/)
})

test('a server that is away is an error that does not tell the password', async () => {
  const { findings, of } = await examine(mongo, { url: `mongodb://user:hush@127.0.0.1:${await freePort()}/x` })
  assert.match(of('server').found, /ECONNREFUSED/)
  assert.doesNotMatch(JSON.stringify(findings), /hush/)
})
