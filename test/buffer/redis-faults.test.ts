import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StampedFrame } from '../../buffer/buffer.ts'
import { openRedis } from '../services/redis.ts'
import { until } from '../services/until.ts'
import { deliver, persist } from './delivering.ts'
import { openLog } from './redis-log.ts'
import { aProducer, append, ledger, nothingElse, readAll, report, sealTo, take, textOf } from './scratch-log.ts'

test('a Redis that is killed in mid-traffic and comes back has all that it acknowledged, and both ends go on', async (t) => {
  await using server = await openRedis()
  const log = await openLog(t, { urls: [server.url], commandTimeoutMs: 500 })
  const frames = aProducer().frames(...Array<number>(300).fill(2))
  let appended = 0
  const writing = (async (rest: readonly StampedFrame[]) => {
    for (const frame of rest) {
      await persist(() => append(log, [frame]))
      appended++
    }
  })(frames)
  const delivering = deliver(log, 600)
  for (const after of [60, 150]) {
    await until(() => appended >= after, { what: `${after} frames to be appended` })
    await server.kill()
    await server.restart()
  }
  await writing
  const sent = await delivering
  assert.deepEqual([...sent.values()].flat(), frames.map(textOf))
  assert.deepEqual((await readAll(await take(log, { sink: 'b' }))).map(textOf), frames.map(textOf))
  const { delivered, backlog } = await ledger(log)
  assert.deepEqual({ delivered, backlog }, { delivered: 600, backlog: 0 })
  assert.deepEqual((await report(log)).producers, [
    { producer: 'p1', boot: 1, nextSeq: 300, appended: 600, skipped: 0 },
  ])
})

test('a user who may touch nothing but the log’s own keys is enough; one who may not is the operator’s matter', async (t) => {
  const commands = '-@all +@read +@write +@scripting +@connection +info +time +wait'
  await using server = await openRedis({
    config: { user: [`penstock on >pw ~{mine:* ${commands}`, `other on >pw ~{other:* ${commands}`] },
  })
  const options = { urls: [server.url], username: 'penstock', password: 'pw' }
  const log = await openLog(t, { ...options, prefix: 'mine', shards: 2 })
  await append(log, aProducer().frames(2, 2, 2))
  const shard = (await log.inspect()).find(({ cumulative }) => cumulative > 0)?.shard ?? ''
  const reader = await take(log, { shard })
  const seal = await sealTo(reader, { offset: 0, index: 0 }, { offset: 4, index: 0 })
  const letter = { form: 'json', bytes: Buffer.from('{}'), reason: 'bad' } as const
  const minutes = [{ minute: 5, records: 1, idSum: 1 }]
  const [first, second] = await reader.split(seal, { offset: 2, index: 0 }, ['l', 'r'])
  await reader.settle(first, { delivered: 0, filtered: 0, deadLetters: [letter, letter], minutes })
  await reader.settle(second, { delivered: 2, ...nothingElse, state: new Map([['k', Buffer.from('v')]]) })
  const [one, other] = (await log.deadLetters('a', { limit: 2 })).map(({ id }) => id) as [number, number]
  await log.retryDeadLetters('a', [one])
  await reader.settleRetry((await reader.retries())[0]!, { rejected: new Map(), minutes })
  assert.equal(await log.dropDeadLetters('a', [other]), 1)
  assert.deepEqual(await log.minutes('a', { from: 0, to: 10 }), [{ minute: 5, records: 2, idSum: 2 }])
  assert.equal((await log.peek(shard, { offset: 0, index: 0 }, { maxBytes: 1e6 })).length, 3)
  await reader.evict({ offset: 6, index: 0 }, 2)
  assert.equal(await log.trim(), 3)
  await reader[Symbol.asyncDispose]()
  await log.retire('a')

  await assert.rejects(openLog(t, { ...options, prefix: 'mine', username: 'other' }), {
    name: 'ConfigError',
    message: /NOPERM.*~\{mine:\*/,
  })
})
