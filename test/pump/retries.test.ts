import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Buffer as OpenedLog } from '../../buffer/buffer.ts'
import { ownState, retriesOf, retriesState } from '../../pump/retry-state.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import file from '../../sinks/file/file.ts'
import { RejectedError, RetryableError, type Sink } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { scratchFolder } from '../scratch.ts'
import { until } from '../services/until.ts'
import type { SinkHarness } from '../sinks/delivery.ts'
import { scratch as filesFolder, recordsIn } from '../sinks/file-delivery.ts'
import { mongoHarness } from '../sinks/mongo-place.ts'
import { harness as prometheusHarness } from '../sinks/prometheus-delivery.ts'
import {
  aLog,
  aPumpSink,
  Backend,
  deadLettersOf,
  ledgerOf,
  pumpOptions,
  sinkInto,
  startPump,
  type TestLog,
} from './log.ts'

const bad = (i: number) => aRecord({ path: `/bad/${i}` })

/** A log with 20 records, of which `culprits` are dead letters of the sink, as a pump left it that is gone. */
async function aLogWithLetters(t: TestContext, culprits: number) {
  const log = aLog(t)
  const all = Array.from({ length: 20 }, (_, i) => (i < culprits ? bad(i) : aRecord()))
  await log.append(all)
  return { log, all }
}

/** Rejects what is bad while `isBroken`. */
function rejecting(sink: Sink, isBroken: () => boolean): Sink {
  return {
    ...bound(sink),
    write: async (block, signal) => {
      const indexes = block.records.flatMap(({ path }, i) => (path.startsWith('/bad') ? [i] : []))
      if (isBroken() && indexes.length > 0) throw new RejectedError('bad record', { indexes })
      return await sink.write(block, signal)
    },
  }
}

/** A sink's functions, whoever calls them. */
function bound(sink: Sink): Sink {
  return {
    write: (block, signal) => sink.write(block, signal),
    acquired: (shard, state) => sink.acquired?.(shard, state),
    settled: (block) => sink.settled?.(block),
    released: (shard) => sink.released?.(shard),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  }
}

async function retryAll(log: TestLog, letters = 1000): Promise<number> {
  await using buffer = await log.open()
  const ids = (await buffer.deadLetters('sink', { limit: letters })).map(({ id }) => id)
  return await buffer.retryDeadLetters('sink', ids)
}

async function held(log: TestLog): Promise<number> {
  return (await ledgerOf(log)).deadLettersHeld
}

async function untilHeld(log: TestLog, letters: number): Promise<void> {
  await until(async () => (await ledgerOf(log)).backlog === 0 && (await held(log)) === letters, {
    what: `${letters} dead letters`,
  })
}

async function assertConserved(log: TestLog, delivered: number, deadLettered: number): Promise<void> {
  const ledger = await ledgerOf(log)
  assert.deepEqual(
    [ledger.appended, ledger.delivered, ledger.deadLettered, ledger.backlog],
    [delivered + deadLettered, delivered, deadLettered, 0],
  )
}

async function minutesOf(log: TestLog): Promise<number> {
  await using buffer = await log.open()
  const sums = await buffer.minutes('sink', { from: 0, to: 1e9 })
  return sums.reduce((total, { records }) => total + records, 0)
}

test('dead letters that somebody asks for are delivered once more, and leave', async (t) => {
  const { log, all } = await aLogWithLetters(t, 3)
  const backend = new Backend()
  let isBroken = true
  await startPump(t, pumpOptions(log, [aPumpSink(rejecting(sinkInto(backend), () => isBroken))]))
  await untilHeld(log, 3)
  await assertConserved(log, 17, 3)
  isBroken = false
  assert.equal(await retryAll(log), 3)
  await untilHeld(log, 0)
  await assertConserved(log, 20, 0)
  assert.deepEqual(backend.ids().sort(), all.map(({ id }) => id).sort())
  assert.equal(await minutesOf(log), 20)
})

test('letters that are refused again stay with the new reason, and their neighbours are delivered', async (t) => {
  const { log, all } = await aLogWithLetters(t, 5)
  const backend = new Backend()
  let mended = ''
  const sink = sinkInto(backend, async ({ records }) => {
    // Names nobody: whoever is at fault must be found.
    if (records.some(({ path }) => path.startsWith('/bad') && !path.endsWith(mended || '?')))
      throw new RejectedError(mended ? 'still bad' : 'bad')
    return undefined
  })
  await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  await untilHeld(log, 5)
  mended = '/3'
  await retryAll(log)
  await until(
    async () => (await deadLettersOf(log)).every((letter) => letter.reason === 'still bad' && !letter.isRetried),
    {
      what: 'the letters at fault to be alone again',
      timeoutMs: 30_000,
    },
  )
  await assertConserved(log, 16, 4)
  const healthy = all.filter(({ path }) => !path.startsWith('/bad') || path === '/bad/3')
  assert.deepEqual(backend.ids().sort(), healthy.map(({ id }) => id).sort())
})

test('where the neighbours of a refused letter are stored already, nothing is sent again', async (t) => {
  const { log } = await aLogWithLetters(t, 4)
  const backend = new Backend()
  let isBroken = true
  const sink: Sink = {
    async write(block) {
      const at = (test: (path: string) => boolean) => block.records.flatMap(({ path }, i) => (test(path) ? [i] : []))
      const indexes = isBroken ? at((path) => path.startsWith('/bad')) : at((path) => path === '/bad/2')
      backend.store(
        block.token,
        block.records.filter((_, i) => !indexes.includes(i)),
      )
      if (indexes.length > 0) throw new RejectedError('bad', { indexes, othersStored: true })
      return undefined
    },
    async [Symbol.asyncDispose]() {},
  }
  await startPump(t, pumpOptions(log, [aPumpSink(sink)]))
  await untilHeld(log, 4)
  isBroken = false
  await retryAll(log)
  await untilHeld(log, 1)
  await assertConserved(log, 19, 1)
  assert.equal(new Set(backend.ids()).size, backend.ids().length)
  assert.equal(await minutesOf(log), 19)
})

test('new records go on while a retry waits for its backend, and it is sent as it was', async (t) => {
  const { log } = await aLogWithLetters(t, 1)
  const backend = new Backend()
  let isBroken = true
  const tokens = new Set<string>()
  const sink = sinkInto(backend, async ({ shard, token }) => {
    if (!shard.endsWith('/retries')) return undefined
    tokens.add(token)
    if (isBroken) throw new RetryableError('busy', { afterMs: 1 })
    return undefined
  })
  await startPump(t, pumpOptions(log, [aPumpSink(rejecting(sink, () => tokens.size === 0 && isBroken))]))
  await untilHeld(log, 1)
  // From now on only the retry itself fails.
  tokens.add('seen')
  await retryAll(log)
  await until(() => tokens.size === 2, { what: 'the retry was tried' })
  await log.append([aRecord()])
  await until(async () => (await ledgerOf(log)).delivered === 20, { what: 'the new record is delivered' })
  assert.equal(await held(log), 1)
  isBroken = false
  await untilHeld(log, 0)
  assert.equal(tokens.size, 2)
})

/** Lets a retry be written, and dies before it is settled. */
function dyingBeforeSettle(log: OpenedLog, onDeath: () => void): OpenedLog {
  let isDead = false
  return wrappedLog(log, {
    async reader(options) {
      if (isDead) throw new Error('The process is dead.')
      const reader = await log.reader(options)
      return (
        reader && {
          ...reader,
          async settleRetry() {
            isDead = true
            onDeath()
            throw new Error('The process died.')
          },
        }
      )
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  })
}

const fileHarness: SinkHarness = {
  definition: file,
  async fresh(t) {
    const folder = await filesFolder(t)
    return { options: { folder }, stored: () => recordsIn(folder) }
  },
}

const harnesses: Record<string, SinkHarness> = { prometheus: prometheusHarness, file: fileHarness, mongo: mongoHarness }

for (const [name, harness] of Object.entries(harnesses)) {
  test(`${name} holds a retried letter once, also where its pump died between write and settle`, async (t) => {
    const { log, all } = await aLogWithLetters(t, 3)
    const place = await harness.fresh(t)
    const dataDir = await scratchFolder(t)
    const open = () =>
      harness.definition.open(harness.definition.options.parse(place.options), { name, dataDir, log: noLog })
    const run = async (isBroken: boolean, openBuffer: () => Promise<OpenedLog>, until: () => Promise<void>) => {
      await using sink = await open()
      const pump = await startPump(
        t,
        pumpOptions(log, [aPumpSink(rejecting(sink, () => isBroken))], { openBuffer, graceMs: 0 }),
      )
      await until()
      await pump[Symbol.asyncDispose]()
    }
    await run(
      true,
      () => log.open(),
      () => untilHeld(log, 3),
    )
    await retryAll(log, 2)
    await retryAll(log)
    const died = Promise.withResolvers<void>()
    await run(
      false,
      async () => dyingBeforeSettle(await log.open(), died.resolve),
      () => died.promise,
    )
    assert.equal(await held(log), 3, 'nothing was settled')
    await log.append([aRecord(), bad(9)])
    await run(
      false,
      () => log.open(),
      () => untilHeld(log, 0),
    )

    await using sink = await open()
    await using buffer = await log.open()
    await using reader = await buffer.reader({ sink: 'sink', shard: '0', owner: 'test', startAt: 'oldest' })
    assert.ok(reader)
    sink.acquired?.('0', ownState(reader.state))
    sink.acquired?.(retriesOf('0'), retriesState(reader.state))
    const stored = await place.stored(sink)
    if (typeof stored === 'number') assert.equal(stored, 22)
    else {
      const ids = stored.map(({ id }) => id)
      assert.equal(new Set(ids).size, ids.length, 'nothing is twice')
      assert.equal(ids.length, 22)
      assert.ok(all.every(({ id }) => ids.includes(id)))
    }
    await assertConserved(log, 22, 0)
    assert.equal(await minutesOf(log), 22)
  })
}

test('a letter that is no record any more stays where it is, with the reason', async (t) => {
  const { log } = await aLogWithLetters(t, 2)
  const backend = new Backend()
  let isBroken = true
  const spoiled = (buffer: OpenedLog) =>
    wrappedLog(buffer, {
      async reader(options) {
        const reader = await buffer.reader(options)
        return (
          reader && {
            ...reader,
            async retries() {
              const spoil = (bytes: Uint8Array, i: number) => (i === 0 ? new TextEncoder().encode('{') : bytes)
              const batches = await reader.retries()
              return batches.map(({ id, letters }) => ({
                id,
                letters: letters.map((letter, i) => ({ ...letter, bytes: spoil(letter.bytes, i) })),
              }))
            },
          }
        )
      },
      [Symbol.asyncDispose]: () => buffer[Symbol.asyncDispose](),
    })
  const openBuffer = async () => spoiled(await log.open())
  await startPump(t, pumpOptions(log, [aPumpSink(rejecting(sinkInto(backend), () => isBroken))], { openBuffer }))
  await untilHeld(log, 2)
  isBroken = false
  await retryAll(log)
  await untilHeld(log, 1)
  assert.match((await deadLettersOf(log))[0]?.reason ?? '', /cannot be read as JSON/)
})
