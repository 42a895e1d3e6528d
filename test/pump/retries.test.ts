import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Buffer as OpenedLog } from '../../buffer/buffer.ts'
import { aRecord } from '../../record/sample.ts'
import { RejectedError, RetryableError, type Sink } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import { aPumpSink, Backend, deadLettersOf, ledgerOf, pumpOptions, sinkInto, startPump } from './log.ts'
import { aLogWithLetters, assertConserved, held, minutesOf, rejecting, retryAll, untilHeld } from './retried.ts'

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
            async retries(options) {
              const spoil = (bytes: Uint8Array, i: number) => (i === 0 ? new TextEncoder().encode('{') : bytes)
              const batches = await reader.retries(options)
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
