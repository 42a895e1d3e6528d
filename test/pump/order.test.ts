import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Buffer, Reader, Seal } from '../../buffer/buffer.ts'
import { RejectedError, type Sink } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import { aLog, aPumpSink, Backend, ledgerOf, pumpOptions, records, sinkInto, startPump, type TestLog } from './log.ts'

/** What is told of a reader's steps once they are durable. */
interface Watcher {
  readonly onSealed?: (seals: readonly Seal[]) => void
  readonly onSettled?: (seal: Seal) => void
}

function watched(buffer: Buffer, { onSealed = () => {}, onSettled = () => {} }: Watcher): Buffer {
  const watch = (reader: Reader): Reader => ({
    ...reader,
    async seal(block) {
      const seal = await reader.seal(block)
      onSealed([seal])
      return seal
    },
    async split(seal, at, tokens) {
      const halves = await reader.split(seal, at, tokens)
      onSealed(halves)
      return halves
    },
    async settle(seal, settlement) {
      await reader.settle(seal, settlement)
      onSettled(seal)
    },
  })
  return wrappedLog(buffer, {
    async reader(options) {
      const reader = await buffer.reader(options)
      return reader && watch(reader)
    },
    [Symbol.asyncDispose]: () => buffer[Symbol.asyncDispose](),
  })
}

/** Delivers all of a log with several blocks on their way. */
async function deliver(t: TestContext, log: TestLog, sink: Sink, watcher: Watcher) {
  const openBuffer = async () => watched(await log.open(), watcher)
  await startPump(t, pumpOptions(log, [aPumpSink(sink, { inFlight: 3 })], { openBuffer }))
  await until(async () => (await ledgerOf(log).catch(() => undefined))?.backlog === 0, { what: 'the log to drain' })
}

test('nothing is sent that is not sealed under its token, neither a block nor a part of one', async (t) => {
  const log = aLog(t)
  const all = records(430)
  await log.append(all)
  const bad = new Set(all.filter((_, i) => i % 130 === 17).map(({ id }) => id))
  const sealed = new Set<string>()
  const unsealed: string[] = []
  const backend = new Backend()
  const sink = sinkInto(backend, async (block) => {
    if (!sealed.has(block.token)) unsealed.push(block.token)
    if (block.records.some(({ id }) => bad.has(id))) throw new RejectedError('bad record')
    return undefined
  })
  await deliver(t, log, sink, { onSealed: (seals) => seals.forEach(({ token }) => void sealed.add(token)) })
  assert.deepEqual(unsealed, [])
  assert.ok(sealed.size > 20, 'there were parts')
  assert.equal(backend.ids().length, all.length - bad.size)
})

test('nothing is settled that the sink does not have', async (t) => {
  const log = aLog(t)
  await log.append(records(430))
  const backend = new Backend()
  const missing: string[] = []
  const sink = sinkInto(backend, async () => {
    await new Promise(setImmediate) // the backend takes its time
    return undefined
  })
  await deliver(t, log, sink, { onSettled: ({ token }) => void (backend.blocks.has(token) || missing.push(token)) })
  assert.deepEqual(missing, [])
  assert.equal(backend.ids().length, 430)
})
