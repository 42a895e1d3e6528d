import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BufferUnavailableError, endOf } from '../../buffer/buffer.ts'
import { openRedisCluster, type RedisCluster } from '../services/redis-cluster.ts'
import { redisUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { openClient, openLog } from './redis-log.ts'
import { aProducer, append, nothingElse, readAll, sealTo, take, textOf } from './scratch-log.ts'

describe('a log of several shards', () => {
  test('keeps each producer’s frames together and spreads the producers', async (t) => {
    const log = await openLog(t, { urls: [await redisUrl(t)], shards: 4 })
    const producers = Array.from({ length: 40 }, (_, i) => aProducer({ producer: `p${i}` }))
    for (const producer of producers) await append(log, producer.frames(1, 1))
    for (const producer of producers) await append(log, producer.frames(1))
    const homes = (await log.inspect()).map((shard) =>
      shard.producers.map(({ producer, nextSeq }) => `${producer} ${nextSeq}`),
    )
    assert.deepEqual(homes.flat().sort(), producers.map(({ producer }) => `${producer} 3`).sort())
    for (const home of homes) assert.ok(home.length > 0, 'no shard stays empty')
  })

  test('can grow, and a boot that is in one shard stays there', async (t) => {
    const place = { urls: [await redisUrl(t)], prefix: 'p' }
    const producers = Array.from({ length: 10 }, (_, i) => aProducer({ producer: `p${i}` }))
    const small = await openLog(t, place)
    for (const producer of producers) await append(small, producer.frames(1))
    const large = await openLog(t, { ...place, shards: 4 })
    for (const producer of producers) await append(large, producer.frames(1))
    const [first, ...others] = await large.inspect()
    assert.equal(first?.producers.length, 10)
    assert.deepEqual(
      others.flatMap((shard) => shard.producers),
      [],
    )
    assert.deepEqual((await readAll(await take(large))).length, 20)
  })

  test('is refused with fewer shards than it has', async (t) => {
    const place = { urls: [await redisUrl(t)], prefix: 'p' }
    await openLog(t, { ...place, shards: 3 })
    await assert.rejects(openLog(t, { ...place, shards: 2 }), { name: 'ConfigError', message: /has 3 shards/ })
  })

  test('is full, trimmed and retired shard by shard', async (t) => {
    const log = await openLog(t, { urls: [await redisUrl(t)], shards: 2 })
    const producers = Array.from({ length: 10 }, (_, i) => aProducer({ producer: `p${i}` }))
    for (const producer of producers) await append(log, producer.frames(1, 1))
    const letter = { form: 'json', bytes: Buffer.from('{}'), reason: 'bad' } as const
    for (const shard of log.shards) {
      const reader = await take(log, { shard })
      const frames = await readAll(reader)
      const seal = await sealTo(reader, reader.cursor, endOf(frames.at(-1)!))
      await reader.settle(seal, { ...nothingElse, delivered: frames.length - 1, deadLetters: [letter] })
    }
    const letters = await log.deadLetters('a', { limit: 10 })
    assert.deepEqual(letters.map(({ shard }) => shard).sort(), ['0', '1'])
    assert.equal((await log.deadLetters('a', { limit: 1 })).length, 1)
    assert.equal(await log.trim(), 20)
    await log.retire('a')
    assert.deepEqual(
      (await log.inspect()).flatMap(({ ledgers }) => ledgers),
      [],
    )
  })
})

describe('a log in a Redis Cluster', () => {
  let cluster: RedisCluster
  before(async () => {
    cluster = await openRedisCluster()
  })
  after(() => cluster[Symbol.asyncDispose]())
  const open = (t: test.TestContext, input = {}) =>
    openLog(t, { urls: cluster.nodes.slice(0, 1).map(({ url }) => url), cluster: true, shards: 6, ...input })

  test('takes frames, gives them to readers and settles them on every node', async (t) => {
    const log = await open(t)
    const producers = Array.from({ length: 30 }, (_, i) => aProducer({ producer: `p${i}` }))
    for (const producer of producers) {
      const frames = producer.frames(2, 3)
      await append(log, frames)
      await append(log, frames)
    }
    const seen: string[] = []
    for (const shard of log.shards) {
      const reader = await take(log, { shard })
      const frames = await readAll(reader)
      seen.push(...frames.map(textOf))
      const seal = await sealTo(reader, reader.cursor, endOf(frames.at(-1)!))
      const [left, right] = await reader.split(seal, { offset: 0, index: 1 }, ['l', 'r'])
      await reader.settle(left, { delivered: 1, ...nothingElse })
      await reader.evict(right.to, frames.at(-1)!.cumulative - 1)
    }
    assert.deepEqual(seen.sort(), producers.flatMap(({ producer }) => [`${producer}/1/0`, `${producer}/1/1`]).sort())
    for (const { ledgers, cumulative } of await log.inspect()) {
      const [ledger] = ledgers
      assert.deepEqual(
        [ledger?.appended, ledger?.delivered, ledger?.evicted, ledger?.backlog],
        [cumulative, 1, cumulative - 1, 0],
      )
    }
    assert.equal(await log.trim(), 60)
    const used = await Promise.all(cluster.nodes.map(({ url }) => openClient(t, url).dbsize()))
    for (const keys of used) assert.ok(keys > 0, 'every node has a shard')
  })

  test('hears from the right node whether replicas have a seal', async (t) => {
    const log = await open(t, { waitReplicas: 1, waitTimeoutMs: 10 })
    await assert.rejects(append(log, aProducer().frames(1)), {
      name: 'BufferUnavailableError',
      message: /0 of the 1 replicas/,
    })
  })

  test('is unavailable while its nodes are down, and goes on when they are back', async (t) => {
    const log = await open(t, { commandTimeoutMs: 1000 })
    const producer = aProducer()
    await append(log, producer.frames(1))
    await Promise.all(cluster.nodes.map((node) => node.stop()))
    const late = producer.frames(1)
    await assert.rejects(append(log, late), BufferUnavailableError)
    await assert.rejects(log.inspect(), BufferUnavailableError)
    await Promise.all(cluster.nodes.map((node) => node.restart()))
    await until(() => append(log, late).then(() => true), { what: 'the cluster to be back', timeoutMs: 20_000 })
    const records = (await log.inspect()).reduce((sum, { cumulative }) => sum + cumulative, 0)
    assert.equal(records, 2)
  })
})
