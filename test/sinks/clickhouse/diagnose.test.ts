import assert from 'node:assert/strict'
import { test } from 'node:test'
import clickhouse from '../../../sinks/clickhouse/clickhouse.ts'
import { openClickHouse } from '../../services/clickhouse.ts'
import { freePort } from '../../services/port.ts'
import { someRecords } from '../contract.ts'
import { aBlock, nextBlock, openDelivery } from '../delivery.ts'
import { examine } from '../findings.ts'
import { fresh, harness } from './place.ts'

test('a server without tables is fine where the sink may make them, and an examination makes none', async (t) => {
  const place = await fresh(t)
  const { levels } = await examine(clickhouse, place.options)
  assert.deepEqual(levels, { server: 'ok', clock: 'ok', rights: 'ok', tables: 'ok' })
  const refused = await examine(clickhouse, { ...place.options, migrate: false })
  assert.match(refused.of('tables').advice, /Run the migrations/)
  assert.deepEqual(await place.rows('SHOW TABLES'), [])
})

test('tables that the sink has made are fine', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock(someRecords(3)))
  const { levels } = await examine(clickhouse, place.options)
  const all = ['server', 'clock', 'rights', 'tables', 'dedupe window', 'retention']
  assert.deepEqual(levels, Object.fromEntries(all.map((what) => [what, 'ok'])))
})

test('a table that forgets its inserts is an error, one that remembers fewer than configured a warning', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock(someRecords(3)))
  const setWindow = (inserts: number) =>
    place.run(`ALTER TABLE penstock_usage_1h MODIFY SETTING non_replicated_deduplication_window = ${inserts}`)
  await setWindow(0)
  const none = await examine(clickhouse, place.options)
  assert.equal(none.levels['dedupe window'], 'error')
  assert.match(none.of('dedupe window').found, /^penstock_usage_1h remembers no insert/)
  assert.match(none.of('dedupe window').advice, /ALTER TABLE penstock_usage_1h MODIFY SETTING .*window = 20000/)
  await setWindow(100)
  const few = await examine(clickhouse, place.options)
  assert.equal(few.levels['dedupe window'], 'warning')
  assert.match(few.of('dedupe window').found, /remembers 100 inserts, not 20,000/)
})

test('more inserts than the window can hold twice are a warning', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place, { dedupe: { inserts: 100 } })
  let block = aBlock(someRecords(1))
  for (let i = 0; i < 51; i++) {
    await delivery.deliver(block)
    block = nextBlock(block, someRecords(1))
  }
  const { of } = await examine(clickhouse, { ...place.options, dedupe: { inserts: 100 } })
  assert.match(of('dedupe window').found, /^51 inserts came in the last 3600 s, and 100 are remembered/)
})

test('another retention than configured, and a table that is gone, are told', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock(someRecords(3)))
  const { of } = await examine(clickhouse, { ...place.options, retentionDays: 7 })
  assert.match(of('retention').advice, /MODIFY TTL received_at \+ toIntervalDay\(7\)/)
  await place.run('DROP TABLE penstock_usage_1m')
  assert.match((await examine(clickhouse, place.options)).of('tables').found, /^penstock_usage_1m is gone/)
})

test('a server that is away, and one that refuses the password, are errors in a sentence', async (t) => {
  const port = await freePort()
  const away = await examine(clickhouse, { url: `http://127.0.0.1:${port}` })
  assert.match(away.of('server').found, /ECONNREFUSED/)
  assert.match(away.of('server').advice, new RegExp(`^Start the server at http://127\\.0\\.0\\.1:${port}`))
  const server = await openClickHouse({ user: 'penstock', password: 'secret' })
  t.after(() => server[Symbol.asyncDispose]())
  const refused = await examine(clickhouse, { url: new URL(server.url).origin, username: 'penstock', password: 'hush' })
  assert.match(refused.of('server').found, /Authentication failed/)
  assert.doesNotMatch(JSON.stringify(refused.findings), /hush/)
})
