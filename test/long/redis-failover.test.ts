import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openClient, openLog } from '../buffer/redis-log.ts'
import {
  afterDeath,
  aProducer,
  append,
  ledger,
  nothingElse,
  readAll,
  sealTo,
  take,
  textOf,
} from '../buffer/scratch-log.ts'
import { openRedis } from '../services/redis.ts'
import { openRedisSentinel, sentinelGroup } from '../services/redis-sentinel.ts'
import { until } from '../services/until.ts'

test('a log behind Sentinels goes on at the replica when the primary dies, with seals and cursors as they were', async (t) => {
  await using primary = await openRedis()
  await using replica = await openRedis({ replicaOf: primary })
  await using sentinel = await openRedisSentinel(primary)
  const log = await openLog(t, {
    urls: [`redis://127.0.0.1:${sentinel.port}`],
    sentinel: { master: sentinelGroup },
    prefix: 'p',
  })
  const producer = aProducer()
  const frames = producer.frames(2, 2, 2)
  await append(log, frames)
  const reader = await take(log)
  await reader.settle(await sealTo(reader, { offset: 0, index: 0 }, { offset: 2, index: 0 }), {
    delivered: 2,
    ...nothingElse,
  })
  const seal = await sealTo(reader, { offset: 2, index: 0 }, { offset: 5, index: 0 })
  const there = openClient(t, replica.url)
  await until(async () => (await there.llen('{p:0}:seals:a')) === 1, { what: 'the replica to have the seal' })

  await primary.kill()
  const late = producer.frames(1)
  await until(() => append(log, late).then(() => true), {
    what: 'the Sentinel to promote the replica',
    timeoutMs: 30_000,
  })
  const next = await until(() => take(log), { what: 'the sink to be taken anew' })
  assert.deepEqual({ cursor: next.cursor, seals: next.seals }, { cursor: seal.from, seals: afterDeath(seal) })
  await next.settle(seal, { delivered: 3, ...nothingElse })
  assert.deepEqual((await readAll(next)).map(textOf), [...frames.slice(1), ...late].map(textOf))
  const { appended, delivered, backlog } = await ledger(log)
  assert.deepEqual({ appended, delivered, backlog }, { appended: 7, delivered: 5, backlog: 2 })
})
