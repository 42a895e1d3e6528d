import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { endOf } from '../../buffer/buffer.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { heldSince, type ResentPart, resend } from '../../pump/resend.ts'
import { shapeOptions } from '../../pump/shape/options.ts'
import { openShapes } from '../../pump/shape/shape.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import type { Resender, ResentBlock } from '../../sinks/resender.ts'
import { HaltError, RetryableError } from '../../sinks/sink.ts'
import { scratchLogs as scratchKafkaLogs } from '../buffer/kafka-log.ts'
import { scratchLogs as scratchRedisLogs } from '../buffer/redis-log.ts'
import { scratchFolder } from '../scratch.ts'
import { kafkaPlace, redisUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'

const minuteMs = 60_000

/** A log whose n-th frame, of three records, was appended in its n-th minute; `frames` of them are settled for the sink. */
async function aLog(t: TestContext, { frames = 10, settled = 10 } = {}) {
  let nowMs = 0
  const buffer = await openSqliteBuffer({ dir: await scratchFolder(t), maxBytes: 1e9, now: () => nowMs })
  t.after(() => buffer[Symbol.asyncDispose]())
  const producer = randomUUID()
  await using writer = await buffer.writer()
  const ids: string[] = []
  for (let seq = 0; seq < frames; seq++) {
    nowMs = seq * minuteMs
    const records = Array.from({ length: 3 }, (_, i) => aRecord({ path: `/${seq}/${i}`, status: i === 0 ? 503 : 200 }))
    ids.push(...records.map(({ id }) => id))
    const stamp = { producer, boot: 1, seq, made: 3 * (seq + 1) }
    await writer.append([{ ...stamp, count: 3, bytes: encodeFrame(records, stamp) }])
  }
  await using reader = await buffer.reader({ sink: 's', shard: '0', owner: 'test', startAt: 'oldest' })
  assert.ok(reader)
  const read = settled > 0 ? await reader.read(reader.cursor, { maxBytes: 1e9 }) : []
  const last = read[Math.min(settled, frames) - 1]
  if (last) {
    const seal = await reader.seal({ from: reader.cursor, to: endOf(last), token: 'a', shape: '{}' })
    await reader.settle(seal, { delivered: Math.min(settled, frames) * 3, filtered: 0, deadLetters: [] })
  }
  const setNow = (ms: number) => {
    nowMs = ms
  }
  return { buffer, ids, setNow }
}

/** Takes all and has nothing. */
function aResender() {
  const blocks: ResentBlock[] = []
  const resender: Resender = {
    async resend(block) {
      blocks.push(block)
      return { stored: block.records.length, present: 0, refused: [] }
    },
    async [Symbol.asyncDispose]() {},
  }
  return { resender, blocks, ids: () => blocks.flatMap(({ records }) => records.map(({ id }) => id)) }
}

const always = {
  sink: 's',
  shape: undefined,
  staysAway: () => false,
  fromMs: 0,
  toMs: 1e12,
  maxRecords: 4,
  writeTimeoutMs: 10_000,
  signal: new AbortController().signal,
}

const sum = (parts: readonly ResentPart[], name: 'stored' | 'filtered' | 'stayedAway' | 'gone') =>
  parts.reduce((total, part) => total + part[name], 0)

test('what the log took within the times is sent in order, wherever a time falls', async (t) => {
  const { buffer, ids } = await aLog(t)
  for (const [from, to] of [
    [0, 10],
    [3, 7],
    [2.5, 6.5],
    [9, 10],
    [0, 1],
  ] as const) {
    const sent = aResender()
    const times = { fromMs: from * minuteMs, toMs: to * minuteMs }
    const parts = await Array.fromAsync(resend({ ...always, ...times, buffer, resender: sent.resender }))
    const expected = ids.slice(3 * Math.ceil(from), 3 * Math.ceil(to))
    assert.deepEqual(sent.ids(), expected, `${from} to ${to}`)
    assert.equal(sum(parts, 'stored'), expected.length)
    assert.ok(sent.blocks.every(({ records }) => records.length <= 4))
    assert.deepEqual(
      sent.blocks.map(({ seq, records: [first] }) => ids[seq] === first?.id),
      sent.blocks.map(() => true),
      'each block says the place of its first record',
    )
  }
})

test('nothing is sent that the sink has not come to, and nobody becomes a reader by it', async (t) => {
  const { buffer, ids } = await aLog(t, { frames: 6, settled: 4 })
  const before = await buffer.inspect()
  const sent = aResender()
  await Array.fromAsync(resend({ ...always, buffer, resender: sent.resender }))
  assert.deepEqual(sent.ids(), ids.slice(0, 12))
  assert.deepEqual(await buffer.inspect(), before)
})

test('a sink that has got nothing yet, and one that the log does not know, are sent nothing', async (t) => {
  const { buffer } = await aLog(t, { settled: 0 })
  for (const sink of ['s', 'unknown']) {
    const sent = aResender()
    await Array.fromAsync(resend({ ...always, sink, buffer, resender: sent.resender }))
    assert.deepEqual(sent.blocks, [])
  }
})

test('rules of today apply, and what must stay away does', async (t) => {
  const { buffer } = await aLog(t, { frames: 2 })
  const sent = aResender()
  const shape = openShapes(shapeOptions.parse({ filter: { allow: [{ failed: true }] }, omit: ['path'] })).current
  const staysAway = ({ path }: { path: string }) => path === '/0/0'
  const parts = await Array.fromAsync(resend({ ...always, shape, staysAway, buffer, resender: sent.resender }))
  assert.deepEqual(
    sent.blocks.flatMap(({ records }) => records.map(({ status, path }) => [status, path])),
    [[503, '']],
  )
  assert.deepEqual([sum(parts, 'filtered'), sum(parts, 'stayedAway')], [4, 1])
})

test('a backend that is away for a moment is asked again; what the operator must mend ends it', async (t) => {
  const { buffer } = await aLog(t, { frames: 1 })
  const { resender } = aResender()
  let asked = 0
  const shaky: Resender = {
    ...resender,
    async resend(block, signal) {
      if (asked++ === 0) throw new RetryableError('It restarts.', { afterMs: 1 })
      return await resender.resend(block, signal)
    },
  }
  assert.equal(sum(await Array.fromAsync(resend({ ...always, buffer, resender: shaky })), 'stored'), 3)
  const halted: Resender = {
    ...resender,
    async resend() {
      throw new HaltError('The password is wrong.')
    },
  }
  await assert.rejects(Array.fromAsync(resend({ ...always, buffer, resender: halted })), HaltError)
})

test('a backend that hangs is not waited for longer than a write may take', async (t) => {
  const { buffer } = await aLog(t, { frames: 1 })
  let asked = 0
  const hanging: Resender = {
    resend: (_, signal) => {
      asked++
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    },
    async [Symbol.asyncDispose]() {},
  }
  const resending = Array.fromAsync(resend({ ...always, writeTimeoutMs: 1, buffer, resender: hanging }))
  await assert.rejects(resending, { name: 'RetryableError', message: 'It took longer than 1 ms.' })
  assert.equal(asked, 5)
})

test('from when on the log holds all that it took is known once something has gone', async (t) => {
  const { buffer, setNow } = await aLog(t)
  assert.equal(await heldSince(buffer), undefined)
  setNow(20 * minuteMs)
  await buffer.trim({ keepSinceMs: 4 * minuteMs })
  assert.equal(await heldSince(buffer), 4 * minuteMs)
  await buffer.trim()
  assert.equal(await heldSince(buffer, () => 99), 99, 'nothing is held')
})

for (const [type, logs] of [
  [
    'redis',
    async (t: TestContext) => {
      const urls = [await redisUrl(t)]
      return scratchRedisLogs(() => ({ urls }))
    },
  ],
  [
    'kafka',
    async () => {
      const { brokers } = await kafkaPlace()
      return scratchKafkaLogs(() => ({ brokers }))
    },
  ],
] as const) {
  test(`the times are found in a log in ${type}, too`, async (t) => {
    const scratch = await (await logs(t))()
    t.after(() => scratch[Symbol.asyncDispose]())
    const buffer = await scratch.open()
    const [shard = ''] = buffer.shards
    const producer = randomUUID()
    const paths: string[] = []
    await using writer = await buffer.writer()
    for (let seq = 0; seq < 6; seq++) {
      const records = [aRecord({ path: `/${seq}/0` }), aRecord({ path: `/${seq}/1` })]
      paths.push(...records.map(({ path }) => path))
      const stamp = { producer, boot: 1, seq, made: 2 * (seq + 1) }
      const appendedAtMs = Date.now()
      await writer.append([{ ...stamp, count: 2, bytes: encodeFrame(records, stamp) }])
      await until(() => Date.now() > appendedAtMs + 2, { what: 'the next frame to be later' })
    }
    const frames = await buffer.peek(shard, { offset: 0, index: 0 }, { maxBytes: 1e6 })
    assert.equal(frames.length, 6)
    await using reader = await buffer.reader({ sink: 's', shard, owner: 'test', startAt: 'oldest' })
    assert.ok(reader)
    const seal = await reader.seal({ from: reader.cursor, to: endOf(frames[4]!), token: 'a', shape: '{}' }) // of six
    await reader.settle(seal, { delivered: 10, filtered: 0, deadLetters: [] })
    for (const [from, to] of [
      [0, 3],
      [2, 4],
      [3, 6],
    ] as const) {
      const sent = aResender()
      const [fromMs = 0, toMs = 1e13] = [frames[from]?.appendedAtMs, frames[to]?.appendedAtMs]
      await Array.fromAsync(resend({ ...always, fromMs, toMs, buffer, resender: sent.resender }))
      const found = sent.blocks.flatMap(({ records }) => records.map(({ path }) => path))
      assert.deepEqual(found, paths.slice(2 * from, 2 * Math.min(to, 5)), `${from} to ${to}`)
    }
  })
}
