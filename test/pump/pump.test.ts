import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferUnavailableError, LogResetError } from '../../buffer/buffer.ts'
import { layFrame, packRecord, stampFrame } from '../../record/frame.ts'
import { Texts } from '../../record/texts.ts'
import { HaltError, RejectedError, RetryableError } from '../../sinks/sink.ts'
import { until } from '../services/until.ts'
import {
  aLog,
  aPumpSink,
  Backend,
  deadLettersOf,
  ledgerOf,
  pumpOptions,
  records,
  sinkInto,
  startPump,
  type TestLog,
} from './log.ts'

/** Waits until a sink has nothing left, and returns its ledger. */
async function drained(log: TestLog, sink = 'sink') {
  await until(async () => (await ledgerOf(log, sink).catch(() => undefined))?.backlog === 0, {
    what: `${sink} has drained`,
  })
  return await ledgerOf(log, sink)
}

test('every record arrives once, in order, in blocks of the size that the sink wants', async (t) => {
  const log = aLog(t)
  const all = records(350)
  await log.append(all.slice(0, 120), all.slice(120, 130), all.slice(130))
  const backend = new Backend()
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend))]))
  const ledger = await drained(log)
  assert.deepEqual(
    backend.ids(),
    all.map(({ id }) => id),
  )
  assert.deepEqual(backend.sent, [100, 100, 100, 50])
  assert.deepEqual([ledger.appended, ledger.delivered, ledger.deadLettered], [350, 350, 0])
})

test('a block that was not taken is sent again as it was, and other sinks do not wait for it', async (t) => {
  const log = aLog(t)
  await log.append(records(30))
  const [slow, quick] = [new Backend(), new Backend()]
  const tokens: string[] = []
  let mended = false
  const failing = sinkInto(slow, async ({ token }) => {
    tokens.push(token)
    if (!mended) throw new RetryableError('busy', { afterMs: 1 })
    return undefined
  })
  await startPump(
    t,
    pumpOptions(log, [aPumpSink(failing, { name: 'slow' }), aPumpSink(sinkInto(quick), { name: 'quick' })]),
  )
  await drained(log, 'quick')
  await until(() => tokens.length > 3, { what: 'the block was sent again' })
  assert.equal((await ledgerOf(log, 'slow')).backlog, 30)
  mended = true
  await drained(log, 'slow')
  assert.equal(new Set(tokens).size, 1)
  assert.deepEqual(slow.ids(), quick.ids())
})

test('a record at fault is isolated by halving, and its neighbours are delivered once', async (t) => {
  const log = aLog(t)
  const all = records(100)
  const culprit = all[37]
  assert.ok(culprit)
  await log.append(all)
  const backend = new Backend()
  let rejections = 0
  const sink = sinkInto(backend, async (block) => {
    if (!block.records.includes(culprit) && !block.records.some(({ id }) => id === culprit.id)) return undefined
    rejections++
    throw new RejectedError('no such column')
  })
  await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  const ledger = await drained(log)
  assert.deepEqual([ledger.delivered, ledger.deadLettered], [99, 1])
  assert.deepEqual(
    backend.ids(),
    all.filter((record) => record !== culprit).map(({ id }) => id),
  )
  assert.ok(rejections <= Math.ceil(Math.log2(100)) + 1, `${rejections} rounds`)
  const [letter] = await deadLettersOf(log)
  assert.deepEqual(JSON.parse(Buffer.from(letter?.bytes ?? []).toString()), culprit)
  assert.equal(letter?.reason, 'no such column')
})

test('records that the backend names are cut out without guessing', async (t) => {
  const log = aLog(t)
  const all = records(100)
  await log.append(all)
  const bad = new Set([all[0]?.id, all[50]?.id, all[99]?.id])
  const backend = new Backend()
  const sink = sinkInto(backend, async (block) => {
    const indexes = block.records.flatMap(({ id }, i) => (bad.has(id) ? [i] : []))
    if (indexes.length > 0) throw new RejectedError('bad', { indexes })
    return undefined
  })
  await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  const ledger = await drained(log)
  assert.deepEqual([ledger.delivered, ledger.deadLettered], [97, 3])
  assert.deepEqual(backend.sent, [49, 48])
})

test('where the others are stored already, nothing is sent again', async (t) => {
  const log = aLog(t)
  const all = records(50)
  await log.append(all)
  let writes = 0
  const sink = sinkInto(new Backend(), async () => {
    writes++
    throw new RejectedError('too large', { indexes: [7], othersStored: true })
  })
  await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  const ledger = await drained(log)
  assert.deepEqual([ledger.delivered, ledger.deadLettered, writes], [49, 1, 1])
})

test('a sink that rejects nearly everything is halted and loses nothing', async (t) => {
  const log = aLog(t)
  await log.append(records(400))
  const backend = new Backend()
  let schemaIsWrong = true
  const sink = sinkInto(backend, async (block) => {
    if (schemaIsWrong)
      throw new RejectedError('column missing', { indexes: block.records.keys().toArray(), othersStored: true })
    return undefined
  })
  const pump = await startPump(
    t,
    pumpOptions(log, [aPumpSink(sink, { limits: { maxRecords: 400, maxBytes: 1e6, maxAgeMs: 0 } })]),
  )
  await until(async () => (await pump.health()).sinks[0]?.state === 'halted', { what: 'the sink is halted' })
  assert.equal((await ledgerOf(log)).deadLettered, 0)
  schemaIsWrong = false
  const ledger = await drained(log)
  assert.deepEqual([ledger.delivered, ledger.deadLettered], [400, 0])
})

test('a sink that names more than a tenth of a block as bad is halted before anything is split or dead-lettered', async (t) => {
  const log = aLog(t)
  await log.append(records(400))
  const backend = new Backend()
  let columnIsMissing = true
  const sink = sinkInto(backend, async (block) => {
    if (columnIsMissing) throw new RejectedError('column missing', { indexes: block.records.keys().toArray() })
    return undefined
  })
  const limits = { maxRecords: 400, maxBytes: 1e6, maxAgeMs: 0 }
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink, { limits })]))
  await until(async () => (await pump.health()).sinks[0]?.state === 'halted', { what: 'the sink is halted' })
  columnIsMissing = false
  const ledger = await drained(log)
  assert.deepEqual([ledger.delivered, ledger.deadLettered], [400, 0])
  assert.deepEqual(backend.sent, [400])
})

test('a halted sink is named, keeps its log, and goes on by itself when mended', async (t) => {
  const log = aLog(t)
  await log.append(records(10))
  const backend = new Backend()
  let password = 'wrong'
  const sink = sinkInto(backend, async () => {
    if (password === 'wrong') throw new HaltError('access denied')
    return undefined
  })
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  await until(async () => (await pump.health()).sinks[0]?.state === 'halted', { what: 'the sink is halted' })
  const health = await pump.health()
  assert.deepEqual([health.ready, health.sinks[0]?.reason], [true, 'access denied'])
  password = 'right'
  await drained(log)
  assert.equal(backend.ids().length, 10)
  assert.equal((await pump.health()).sinks[0]?.state, 'running')
})

test('an unknown error is retried, and in a row becomes the operator’s matter, never the records’', async (t) => {
  const log = aLog(t)
  await log.append(records(10))
  let failures = 0
  const sink = sinkInto(new Backend(), async () => {
    failures++
    throw new TypeError('undefined is not a function')
  })
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink)], { haltedRetryMs: 1e6 }))
  await until(async () => (await pump.health()).sinks[0]?.state === 'halted', { what: 'the sink is halted' })
  assert.equal(failures, 5)
  const { deadLettered, backlog } = await ledgerOf(log)
  assert.deepEqual([deadLettered, backlog], [0, 10])
})

test('what cannot be decoded becomes dead letters, a torn frame as many as it was stamped with', async (t) => {
  const log = aLog(t)
  const [first, second] = records(2)
  assert.ok(first && second)
  const texts = new Texts()
  const broken = layFrame([packRecord(first, texts), Uint8Array.of(0xc1), packRecord(second, texts)], texts)
  stampFrame(broken, { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 1, seq: 0, made: 3 })
  await log.appendBytes(broken, 3)
  await log.appendBytes(broken.subarray(0, 90), 4)
  const backend = new Backend()
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend))]))
  const ledger = await drained(log)
  assert.deepEqual([ledger.appended, ledger.delivered, ledger.deadLettered], [7, 2, 5])
  assert.deepEqual(backend.ids(), [first.id, second.id])
  assert.equal((await deadLettersOf(log)).length, 5)
})

test('blocks on their way settle before the pump stops', async (t) => {
  const log = aLog(t)
  await log.append(records(30))
  const backend = new Backend()
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const sink = sinkInto(backend, async () => {
    ask()
    await answered
    return undefined
  })
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  await asked
  const stopped = pump[Symbol.asyncDispose]()
  answer()
  await stopped
  assert.equal((await ledgerOf(log)).delivered, 30)
  assert.deepEqual(backend.sent, [30])
})

test('a sink whose blocks may overlap has several on their way, and they settle in order', async (t) => {
  const log = aLog(t)
  const all = records(500)
  await log.append(all)
  const backend = new Backend()
  const waiting: (() => void)[] = []
  let most = 0
  const sink = sinkInto(backend, async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    most = Math.max(most, waiting.length)
    if (waiting.length === 3) for (const go of waiting.splice(0).reverse()) go()
    if (backend.blocks.size >= 3) resolve()
    await promise
    return undefined
  })
  await startPump(t, pumpOptions(log, [aPumpSink(sink, { inFlight: 3 })]))
  const ledger = await drained(log)
  assert.equal(most, 3)
  assert.equal(ledger.delivered, 500)
  assert.deepEqual(backend.ids().sort(), all.map(({ id }) => id).sort())
})

test('a log that cannot be reached at the start is waited for', async (t) => {
  const log = aLog(t)
  await log.append(records(5))
  const backend = new Backend()
  let refusals = 3
  const openBuffer = async () => {
    if (refusals-- > 0) throw new BufferUnavailableError('connection refused')
    return await log.open()
  }
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend))], { openBuffer }))
  await drained(log)
  assert.equal(backend.ids().length, 5)
})

test('a log that is found reset is opened anew, and not in a tight loop', async (t) => {
  const log = aLog(t)
  await log.append(records(5))
  const backend = new Backend()
  const openedAtMs: number[] = []
  const openBuffer = async () => {
    const buffer = await log.open()
    openedAtMs.push(performance.now())
    if (openedAtMs.length === 1) buffer.trim = () => Promise.reject(new LogResetError('the key is gone'))
    return buffer
  }
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend))], { openBuffer }))
  await until(() => openedAtMs.length === 2, { what: 'the log is opened again' })
  await drained(log)
  assert.equal(backend.ids().length, 5)
  const [first = 0, second = 0] = openedAtMs
  assert.ok(second - first >= 900, `${second - first} ms`) // it waits a second; timers may be early by a little
})
