import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrationScript, migrations } from '../../../sinks/clickhouse/migrate.ts'
import { clickhouseOptions } from '../../../sinks/clickhouse/options.ts'
import { columns } from '../../../sinks/clickhouse/tables.ts'
import { someRecords } from '../contract.ts'
import { aBlock, again, nextBlock, openDelivery } from '../delivery.ts'
import { type ClickHousePlace, fresh, harness } from './place.ts'

const dayMs = 24 * 3600 * 1000

async function definition({ rows }: ClickHousePlace, table: string): Promise<string> {
  const [row] = await rows<{ engine_full: string }>(
    `SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = '${table}'`,
  )
  return row?.engine_full ?? ''
}

test('the table of records has the columns that the fields declare', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  await delivery.deliver(aBlock(someRecords(1)))
  const found = await place.rows(
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'penstock_requests' ORDER BY position",
  )
  assert.deepEqual(found, columns)
})

test('versions are numbered from 1 without a gap', () => {
  const versions = migrations({ prefix: '' }).map(({ version }) => version)
  assert.deepEqual(
    versions,
    Array.from(versions, (_, index) => index + 1),
  )
})

test('tables that are there are left as they are, with what they hold', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  const block = aBlock(someRecords(3))
  await delivery.deliver(block)
  await delivery.restart()
  const next = nextBlock(block, someRecords(3))
  await delivery.deliver(next)
  await delivery.holds([...block.records, ...next.records])
  const versions = await place.rows('SELECT version, count() AS n FROM penstock_migrations GROUP BY version')
  assert.deepEqual(versions, [{ version: 1, n: '1' }])
})

test('two pumps may begin at once', async (t) => {
  const place = await fresh(t)
  await using one = await openDelivery(harness, place)
  await using other = await openDelivery(harness, place)
  const blocks = [aBlock(someRecords(3)), aBlock(someRecords(3), { shard: '1' })] as const
  await Promise.all([one.deliver(blocks[0]), other.deliver(blocks[1])])
  await one.holds(blocks.flatMap(({ records }) => records))
})

test('a prefix keeps two sinks in one database apart', async (t) => {
  const place = await fresh(t)
  await using one = await openDelivery(harness, place)
  await using other = await openDelivery(harness, place, { prefix: 'other_' })
  const block = aBlock(someRecords(2))
  await one.deliver(block)
  await other.deliver(aBlock(someRecords(5)))
  await one.holds(block.records)
  assert.deepEqual(await place.rows('SELECT sum(calls) AS calls FROM other_usage_1h'), [{ calls: 5 }])
})

test('without migrate the sink halts until the operator has run the printed statements', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place, { migrate: false })
  const block = aBlock(someRecords(2))
  await assert.rejects(delivery.deliver(block), { name: 'HaltError' })

  for (const statement of migrationScript(clickhouseOptions.parse(place.options))) await place.run(statement)
  await delivery.deliver(again(block))
  await delivery.holds(block.records)
})

test('retention and deduplication follow the options, also when they change', async (t) => {
  const place = await fresh(t)
  const deliver = async (overrides: Record<string, unknown>) => {
    await using delivery = await openDelivery(harness, place, overrides)
    await delivery.deliver(aBlock(someRecords(1)))
  }
  await deliver({ dedupe: { inserts: 2000 }, retentionDays: 3, minuteRetentionDays: 4, hourRetentionDays: 5 })
  assert.match(await definition(place, 'penstock_requests'), /TTL received_at \+ toIntervalDay\(3\)/)
  assert.match(await definition(place, 'penstock_usage_1m'), /TTL received \+ toIntervalDay\(4\)/)
  assert.match(await definition(place, 'penstock_usage_1h'), /TTL received \+ toIntervalDay\(5\)/)
  await deliver({ retentionDays: 7, dedupe: { inserts: 200, seconds: 60 } }) // the former number begins with it
  assert.match(await definition(place, 'penstock_requests'), /TTL received_at \+ toIntervalDay\(7\)/)
  for (const table of ['penstock_requests', 'penstock_usage_1m', 'penstock_usage_1h'])
    assert.match(await definition(place, table), / non_replicated_deduplication_window = 200,/)
})

test('records go when they were received longer ago than they are kept, whatever their own time', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place, { retentionDays: 3 })
  const old = aBlock(someRecords(4), { appendedAtMs: Date.now() - 5 * dayMs })
  const young = nextBlock({ ...old, appendedAtMs: Date.now() - dayMs }, someRecords(4))
  await delivery.deliver(old)
  await delivery.deliver(young)
  await place.run('OPTIMIZE TABLE penstock_requests FINAL')
  await delivery.holds(young.records)
})

test('a wrong clock makes no partitions: a block lies in the one of its receipt', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  const years = Array.from({ length: 130 }, (_, index) => Date.UTC(1970 + index, 5) * 1000)
  const records = someRecords(years.length).map((record, index) => ({ ...record, ts: years[index] ?? 0 }))
  await delivery.deliver(aBlock(records))
  await delivery.holds(records)
  const partitions = await place.rows(
    "SELECT table, uniqExact(partition) AS n FROM system.parts WHERE database = currentDatabase() AND active AND table LIKE '%penstock_%s%' GROUP BY table ORDER BY table",
  )
  assert.deepEqual(partitions, [
    { table: 'penstock_migrations', n: '1' },
    { table: 'penstock_requests', n: '1' },
    { table: 'penstock_usage_1h', n: '1' },
    { table: 'penstock_usage_1m', n: '1' },
  ])
})
