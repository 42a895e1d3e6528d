import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferFullError, BufferUnavailableError, endOf } from '../../buffer/buffer.ts'
import { openRedis } from '../services/redis.ts'
import { until } from '../services/until.ts'
import { openClient, openLog } from './redis-log.ts'
import {
  afterDeath,
  aProducer,
  append,
  ledger,
  nothingElse,
  readAll,
  report,
  sealTo,
  take,
  textOf,
} from './scratch-log.ts'

const begin = { offset: 0, index: 0 }

test('Redis that may evict keys or forgets them in a restart is refused with what to set', async (t) => {
  await using server = await openRedis({ config: { 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' } })
  const client = openClient(t, server.url)
  const input = { urls: [server.url] }
  await assert.rejects(openLog(t, input), {
    name: 'ConfigError',
    message: /CONFIG SET maxmemory-policy noeviction.*allowVolatile/,
  })
  await client.config('SET', 'maxmemory-policy', 'noeviction')
  await assert.rejects(openLog(t, input), { name: 'ConfigError', message: /CONFIG SET appendonly yes.*allowVolatile/ })
  await openLog(t, { ...input, allowVolatile: true })
  await client.config('SET', 'appendonly', 'yes')
  await openLog(t, input)
  await until(async () => (await client.info('persistence')).includes('aof_rewrite_in_progress:0'))
})

test('at maxmemory appends are refused, while seals, settles, retries, eviction, leases and trimming succeed and make room', async (t) => {
  await using server = await openRedis()
  const client = openClient(t, server.url)
  const log = await openLog(t, { urls: [server.url] })
  const producer = aProducer({ frameBytes: 100_000 })
  await append(log, producer.frames(...Array<number>(40).fill(1)))
  const reader = await take(log)
  const frames = await readAll(reader)
  const used = Number((await client.info('memory')).match(/used_memory:(\d+)/)?.[1])
  await client.config('SET', 'maxmemory', used - 1_000_000)

  const late = producer.frames(1)
  await assert.rejects(append(log, late), BufferFullError)
  const other = await take(log, { sink: 'b' })
  await other.evict(endOf(frames[29]!), 30)
  const seal = await sealTo(reader, begin, endOf(frames[29]!))
  const [first, second] = await reader.split(seal, endOf(frames[9]!), ['l', 'r'])
  const state = new Map([['k', Buffer.alloc(10_000, 1)]])
  const letter = { form: 'json', bytes: Buffer.alloc(1000), reason: 'bad' } as const
  await reader.settle(first, { delivered: 9, filtered: 0, deadLetters: [letter], state })
  await reader.settle(second, { delivered: 20, ...nothingElse, minutes: [{ minute: 5, records: 20, idSum: 1 }] })
  const [{ id } = { id: 0 }] = await log.deadLetters('a', { limit: 1 })
  assert.equal(await log.retryDeadLetters('a', [id]), 1)
  const [batch] = await reader.retries()
  await reader.settleRetry(batch!, { rejected: new Map([[id, 'still bad']]) })
  assert.equal(await log.dropDeadLetters('a', [id]), 1)
  await assert.rejects(append(log, late), BufferFullError)
  assert.equal(await log.trim(), 30)
  await append(log, late)
  const { appended, delivered, deadLettered, backlog } = await ledger(log)
  assert.deepEqual(
    { appended, delivered, deadLettered, backlog },
    { appended: 41, delivered: 29, deadLettered: 1, backlog: 11 },
  )
})

test('unless told otherwise the log takes nine tenths of Redis’ memory, and its shards share it', async (t) => {
  await using server = await openRedis({ config: { maxmemory: '100mb' } })
  const sizes = async (input: object) =>
    (await (await openLog(t, { urls: [server.url], ...input })).inspect()).map(({ maxBytes }) => maxBytes)
  const ninety = 0.9 * 100 * 1024 * 1024
  assert.deepEqual(await sizes({}), [ninety])
  assert.deepEqual(await sizes({ shards: 2 }), [ninety / 2, ninety / 2])
  assert.deepEqual(await sizes({ maxBytes: 5_000_000 }), [5_000_000])
})

test('tools see each sink’s cursor and lag in its consumer group', async (t) => {
  await using server = await openRedis()
  const client = openClient(t, server.url)
  const log = await openLog(t, { urls: [server.url], prefix: 'p' })
  const groups = async () => {
    const found = (await client.xinfo('GROUPS', '{p:0}:log')) as (string | number)[][]
    return found.map((fields) => {
      const of = (name: string) => fields[fields.indexOf(name) + 1]
      return { sink: of('name'), cursor: of('last-delivered-id'), lag: of('lag') }
    })
  }
  const producer = aProducer()
  await append(log, producer.frames(2, 2))
  const reader = await take(log, { sink: 'a' })
  await take(log, { sink: 'b', startAt: 'now' })
  await append(log, producer.frames(2, 2))
  assert.deepEqual(await groups(), [
    { sink: 'a', cursor: '0-0', lag: 4 },
    { sink: 'b', cursor: '4-0', lag: 2 },
  ])
  await reader.settle(await sealTo(reader, begin, { offset: 4, index: 1 }), { delivered: 5, ...nothingElse })
  assert.deepEqual((await groups())[0], { sink: 'a', cursor: '4-0', lag: 2 })
  await log.trim()
  await reader.evict({ offset: 8, index: 0 }, 3)
  assert.deepEqual((await groups())[0], { sink: 'a', cursor: '8-0', lag: 0 })
  await take(log, { sink: 'c' })
  assert.deepEqual((await groups())[2], { sink: 'c', cursor: '4-0', lag: 2 })
})

test('while Redis is down every call says so; when it is back the same log goes on by itself', async (t) => {
  await using server = await openRedis()
  const log = await openLog(t, { urls: [server.url] })
  const producer = aProducer()
  await append(log, producer.frames(2))
  const reader = await take(log)
  const seal = await sealTo(reader, begin, { offset: 2, index: 0 })
  await server.stop()
  const late = producer.frames(3)
  const calls = [
    () => append(log, late),
    () => readAll(reader),
    () => sealTo(reader, seal.to, { offset: 5, index: 0 }),
    () => reader.settle(seal, { delivered: 2, ...nothingElse }),
    () => log.inspect(),
    () => log.trim(),
    () => take(log, { sink: 'b' }),
    () => log.retire('c'),
    () => log.deadLetters('a', { limit: 1 }),
    () => log.retryDeadLetters('a', [0]),
    () => log.minutes('a', { from: 0, to: 1 }),
    () => log.peek('0', begin, { maxBytes: 1 }),
    () => reader.retries(),
  ]
  await Promise.all(calls.map((call) => assert.rejects(call(), BufferUnavailableError)))
  await server.restart()
  await until(() => append(log, late).then(() => true), { what: 'the connection to be made again' })
  await reader.settle(seal, { delivered: 2, ...nothingElse })
  const { delivered, backlog } = await ledger(log)
  assert.deepEqual({ delivered, backlog }, { delivered: 2, backlog: 3 })
})

test('an owner that cannot reach Redis for as long as its lease lasts gives the sink up', async (t) => {
  await using server = await openRedis()
  const log = await openLog(t, { urls: [server.url], commandTimeoutMs: 1000 })
  const reader = await take(log)
  await server.stop()
  await until(() => reader.lost.aborted, { what: 'the owner to give up' })
  await server.restart()
  const again = await until(() => take(log), { what: 'the sink to be taken anew' })
  assert.ok(again.fence > reader.fence)
})

test('calls that hang are ended, and what Redis did of them late is recognised in the repeat', async (t) => {
  await using server = await openRedis()
  const log = await openLog(t, { urls: [server.url], commandTimeoutMs: 1000 })
  const producer = aProducer()
  await append(log, producer.frames(2))
  const reader = await take(log)
  server.pause()
  const late = producer.frames(3)
  await assert.rejects(append(log, late), BufferUnavailableError)
  await assert.rejects(sealTo(reader, begin, { offset: 2, index: 0 }), BufferUnavailableError)
  server.resume()
  await until(() => append(log, late).then(() => true))
  const seal = await sealTo(reader, begin, { offset: 2, index: 0 })
  assert.deepEqual((await take(log)).seals, afterDeath(seal))
  assert.equal((await report(log)).cumulative, 5)
})

test('a server that nobody runs is unavailable, not wrong', async (t) => {
  const server = await openRedis()
  await server[Symbol.asyncDispose]()
  await assert.rejects(openLog(t, { urls: [server.url] }), BufferUnavailableError)
})

test('TLS and an ACL user lead in; a wrong password is the operator’s matter', async (t) => {
  await using server = await openRedis({ tls: true, username: 'alice', password: 'p&ss word' })
  const urls = [`rediss://127.0.0.1:${server.port}`]
  const tls = { ca: server.ca ?? '' }
  const log = await openLog(t, { urls, tls, username: 'alice', password: 'p&ss word' })
  await append(log, aProducer().frames(1))
  await append(await openLog(t, { urls: [server.url], tls }), aProducer().frames(1))
  await assert.rejects(openLog(t, { urls, tls, username: 'alice', password: 'wrong' }), {
    name: 'ConfigError',
    message: /WRONGPASS.*Set username and password/,
  })
  await assert.rejects(openLog(t, { urls, username: 'alice', password: 'p&ss word' }), {
    name: 'BufferUnavailableError',
    message: /self-signed certificate/,
  })
  await openLog(t, { urls, tls: { rejectUnauthorized: false }, username: 'alice', password: 'p&ss word' })
})

test('an append and a seal count only once the wanted replicas have them', async (t) => {
  await using primary = await openRedis()
  await using replica = await openRedis({ replicaOf: primary })
  const log = await openLog(t, { urls: [primary.url], prefix: 'p', waitReplicas: 1, waitTimeoutMs: 1000 })
  const producer = aProducer()
  const early = producer.frames(2)
  await until(() => append(log, early).then(() => true), { what: 'the replica to answer' })
  const reader = await take(log)
  replica.pause()
  const late = producer.frames(1)
  await assert.rejects(append(log, late), BufferUnavailableError)
  await assert.rejects(sealTo(reader, begin, { offset: 2, index: 0 }), BufferUnavailableError)
  replica.resume()
  await until(() => append(log, late).then(() => true), { what: 'the replica to be in step' })
  const seal = await sealTo(reader, begin, { offset: 2, index: 0 })
  const there = openClient(t, replica.url)
  assert.equal(await there.xlen('{p:0}:log'), 2)
  assert.match((await there.lindex('{p:0}:seals:a', 0)) ?? '', new RegExp(`^${seal.id} `))
  assert.deepEqual((await readAll(reader)).map(textOf), ['p1/1/0', 'p1/1/1'])
})
