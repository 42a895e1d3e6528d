import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { fresh, harness } from '../sinks/clickhouse/place.ts'
import { aBlock, openDelivery } from '../sinks/delivery.ts'

const yearMs = 365 * 24 * 3600 * 1000

test('records whose clock is a year off lie in the partition of the day that they came, with their own times', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  const nowMs = Date.now()
  const records = [nowMs - yearMs, nowMs, nowMs + yearMs].map((ms) => aRecord({ ts: ms * 1000 }))
  await delivery.deliver(aBlock(records, { appendedAtMs: nowMs }))
  await delivery.holds(records)
  assert.deepEqual(await place.rows('SELECT uniq(_partition_id) AS partitions FROM penstock_requests'), [
    { partitions: '1' },
  ])
})
