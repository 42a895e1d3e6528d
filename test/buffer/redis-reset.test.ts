import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Redis } from 'ioredis'
import { GapError, type Buffer as Log, LogResetError } from '../../buffer/buffer.ts'
import { redisUrl } from '../services/shared.ts'
import { openClient, openLog, recordLog } from './redis-log.ts'
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
const prefix = 'p'
const keys = ['log', 'meta', 'producers', 'readers'].map((name) => `{${prefix}:0}:${name}`)

/** Everything that anybody may do with an opened log. */
async function everyCall(log: Log) {
  await using writer = await log.writer()
  const reader = await take(log)
  const seal = await sealTo(reader, begin, { offset: 2, index: 0 })
  return [
    () => append(log, aProducer({ boot: 2 }).frames(1)),
    () => writer.next('p1', 1),
    () => writer.skip({ producer: 'p1', boot: 1, throughSeq: 9, records: 1 }),
    () => reader.read(begin, { maxBytes: 1 }),
    () => sealTo(reader, seal.to, { offset: 4, index: 0 }),
    () => reader.split(seal, { offset: 1, index: 0 }, ['l', 'r']),
    () => reader.settle(seal, { delivered: 2, ...nothingElse }),
    () => reader.evict({ offset: 4, index: 0 }, 4),
    () => take(log, { sink: 'b' }),
    () => log.inspect(),
    () => log.trim(),
    () => log.deadLetters('a', { limit: 1 }),
    () => log.dropDeadLetters('a', [0]),
    () => log.retryDeadLetters('a', [0]),
    () => log.minutes('a', { from: 0, to: 1 }),
    () => log.peek('0', begin, { maxBytes: 1 }),
    () => log.end('0'),
    () => reader.retries(),
    () => reader.settleRetry({ id: 1, letters: [] }, { rejected: new Map() }),
    () => log.retire('a'),
  ]
}

test('after a flush every call says that the log was reset; opening it again begins a new one', async (t) => {
  const url = await redisUrl(t)
  const log = await openLog(t, { urls: [url], prefix })
  const producer = aProducer()
  const frames = producer.frames(2, 2)
  await append(log, frames)
  const calls = await everyCall(log)
  await openClient(t, url).flushdb()
  for (const call of calls) await assert.rejects(call(), LogResetError)

  const again = await openLog(t, { urls: [url], prefix })
  assert.notEqual(again.incarnation, log.incarnation)
  await assert.rejects(append(again, producer.frames(1)), (error) => error instanceof GapError && error.expected === 0)
  await append(again, frames)
  assert.deepEqual((await readAll(await take(again))).map(textOf), frames.map(textOf))
  for (const call of calls) await assert.rejects(call(), LogResetError)
})

for (const key of keys)
  test(`a log whose ${key} was deleted is no log any more: every call says so, and the next to open it begins anew and says that`, async (t) => {
    const url = await redisUrl(t)
    const log = await openLog(t, { urls: [url], prefix })
    await append(log, aProducer().frames(2, 2))
    const calls = await everyCall(log)
    const client = openClient(t, url)
    await client.del(key)
    for (const call of calls) await assert.rejects(call(), LogResetError)
    assert.deepEqual(await client.exists(key), 0, 'nobody has made it anew by himself')

    const told = recordLog()
    const again = await openLog(t, { urls: [url], prefix }, told.log)
    assert.deepEqual(told.lines, [
      'Part of the log in Redis was gone; what was left of it was discarded and a new log begun.',
    ])
    assert.notEqual(again.incarnation, log.incarnation)
    const reader = await take(again)
    assert.deepEqual({ cursor: reader.cursor, seals: reader.seals }, { cursor: begin, seals: [] })
    assert.equal((await report(again)).cumulative, 0)
  })

test('a known sink whose place is gone is not started anew', async (t) => {
  const url = await redisUrl(t)
  const log = await openLog(t, { urls: [url], prefix })
  await append(log, aProducer().frames(2))
  await (await take(log))[Symbol.asyncDispose]()
  await openClient(t, url).hdel(`{${prefix}:0}:readers`, 'offset:a')
  await assert.rejects(take(log, { startAt: 'now' }), LogResetError)
  await log.retire('a')
  assert.deepEqual((await take(log)).cursor, begin)
})

test('frames that were taken out of the stream are noticed by the reader and by the ledger', async (t) => {
  const url = await redisUrl(t)
  const log = await openLog(t, { urls: [url], prefix })
  await append(log, aProducer().frames(2, 2))
  const reader = await take(log)
  await openClient(t, url).xdel(`{${prefix}:0}:log`, '2-0')
  await assert.rejects(readAll(reader), LogResetError)
  const [ledger] = (await report(log)).ledgers
  assert.deepEqual([ledger?.appended, ledger?.backlog], [4, 2])
})

/** Brings all keys back to what they were at an earlier moment, as a fail-over to a replica that lagged behind does. */
async function snapshot(client: Redis): Promise<() => Promise<void>> {
  const dumps = await Promise.all(
    (await client.keys('*')).map(async (key) => ({ key, dump: await client.dumpBuffer(key) })),
  )
  return async () => {
    await client.flushdb()
    for (const { key, dump } of dumps) await client.restore(key, 0, dump)
  }
}

test('a log that lost its tail tells writers where to go on, and readers that it is not what they read', async (t) => {
  const url = await redisUrl(t)
  const client = openClient(t, url)
  const log = await openLog(t, { urls: [url], prefix })
  const producer = aProducer()
  const kept = producer.frames(2, 2)
  await append(log, kept)
  const reader = await take(log)
  const failOver = await snapshot(client)
  const lost = producer.frames(2, 2)
  await append(log, lost)
  await reader.settle(await sealTo(reader, begin, { offset: 6, index: 0 }), { delivered: 6, ...nothingElse })
  await failOver()

  await assert.rejects(reader.read({ offset: 6, index: 0 }, { maxBytes: 1 }), LogResetError)
  await using writer = await log.writer()
  assert.equal(await writer.next('p1', 1), 2)
  await assert.rejects(append(log, producer.frames(1)), (error) => error instanceof GapError && error.expected === 2)
  await append(log, aProducer({ boot: 2 }).frames(3))
  await append(log, lost)
  await assert.rejects(
    reader.read({ offset: 6, index: 0 }, { maxBytes: 1 }),
    LogResetError,
    'another frame lies across that place',
  )
  const next = await take(log)
  assert.deepEqual(next.cursor, begin)
  assert.deepEqual((await readAll(next)).map(textOf), ['p1/1/0', 'p1/1/1', 'p1/2/0', 'p1/1/2', 'p1/1/3'])
})

test('a log of the first format is read as it is, and its seals count deaths from now on', async (t) => {
  const url = await redisUrl(t)
  const client = openClient(t, url)
  const log = await openLog(t, { urls: [url], prefix })
  await append(log, aProducer().frames(2, 2))
  const reader = await take(log)
  const seal = await sealTo(reader, begin, { offset: 4, index: 0 })
  await client.hdel(`{${prefix}:0}:meta`, 'version')
  await client.hdel(`{${prefix}:0}:readers`, 'dropped:a')
  const line = (await client.lindex(`{${prefix}:0}:seals:a`, 0)) ?? ''
  await client.lset(`{${prefix}:0}:seals:a`, 0, line.replace(' 0 [', ' ['))

  const again = await openLog(t, { urls: [url], prefix })
  assert.equal(again.incarnation, log.incarnation)
  assert.equal(await client.hget(`{${prefix}:0}:meta`, 'version'), '2')
  assert.deepEqual(await sealTo(reader, begin, { offset: 4, index: 0 }), seal)
  const next = await take(again)
  assert.deepEqual(next.seals, afterDeath(seal))
  const letter = { form: 'json', bytes: Buffer.from('{}'), reason: 'bad' } as const
  await next.settle(seal, { delivered: 3, filtered: 0, deadLetters: [letter] })
  assert.equal((await ledger(again)).deadLettersHeld, 1)
})

test('a log of a newer format is refused with what to do', async (t) => {
  const url = await redisUrl(t)
  await openLog(t, { urls: [url], prefix })
  await openClient(t, url).hset(`{${prefix}:0}:meta`, 'version', 7)
  await assert.rejects(openLog(t, { urls: [url], prefix }), {
    name: 'ConfigError',
    message: /has format 7; this Penstock knows 2\. Run the version that wrote it/,
  })
})

test('a producer that nothing was heard of for months is forgotten', async (t) => {
  const url = await redisUrl(t)
  const log = await openLog(t, { urls: [url], prefix })
  for (const producer of ['old', 'new']) await append(log, aProducer({ producer }).frames(1))
  const longAgo = Date.now() - 91 * 24 * 3600 * 1000
  await openClient(t, url).hset(`{${prefix}:0}:producers`, 'at:old/1', longAgo)
  await log.trim()
  assert.deepEqual(
    (await report(log)).producers.map(({ producer }) => producer),
    ['new'],
  )
})
