import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { expose } from '../../runtime/exposition.ts'
import { RejectedError } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import { aLog, aPumpSink, Backend, deadLettersOf, ledgerOf, pumpOptions, records, sinkInto, startPump } from './log.ts'

test('a sink with as many dead letters as it may have is halted, says what to do, and goes on when some are gone', async (t) => {
  const log = aLog(t)
  const all = records(30)
  await log.append(...all.map((record) => [record]))
  const sink = sinkInto(new Backend(), async ({ records }) => {
    throw new RejectedError('bad', { indexes: records.map((_, i) => i) })
  })
  const limits = { maxRecords: 1, maxBytes: 1e6, maxAgeMs: 0 }
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink, { limits, maxDeadLetters: 10 })]))
  const state = async () => (await pump.health()).sinks[0]
  await until(async () => (await state())?.state === 'halted', { what: 'the sink is halted' })
  assert.match((await state())?.reason ?? '', /10 dead letters.*penstock dead retry sink.*penstock dead drop sink/)
  assert.equal((await ledgerOf(log)).deadLettersHeld, 10)
  assert.equal((await ledgerOf(log)).backlog, 20)
  await using buffer = await log.open()
  const ids = (await deadLettersOf(log)).map(({ id }) => id)
  await buffer.dropDeadLetters('sink', ids)
  await until(async () => (await ledgerOf(log)).backlog === 10, { what: 'the sink goes on' })
  assert.equal((await ledgerOf(log)).deadLettersHeld, 10)
  assert.equal((await ledgerOf(log)).deadLettered, 20)
})

test('what every sink has passed is kept for as long as the config says while the log is small, and no longer', async (t) => {
  const log = aLog(t)
  await log.append(records(10))
  let kept: unknown
  let bytes = 1
  const openBuffer = async () => {
    const buffer = await log.open()
    return wrappedLog(buffer, {
      trim: async (options) => {
        kept = options?.keepSinceMs
        return 0
      },
      inspect: async () => (await buffer.inspect()).map((report) => ({ ...report, bytes, maxBytes: 100 })),
      [Symbol.asyncDispose]: () => buffer[Symbol.asyncDispose](),
    })
  }
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(new Backend()))], { openBuffer, keepMs: 60_000 }))
  await until(() => Math.abs(Number(kept) - (Date.now() - 60_000)) < 30_000, { what: 'a minute is kept' })
  bytes = 50
  await until(() => kept === undefined, { what: 'nothing is kept in a log that is half full' })
})

test('what was received is sent, discarded or on its way, also where a pump lets go of it', async (t) => {
  const log = aLog(t)
  await log.append(records(30), records(30))
  const registry = new Registry()
  const backend = new Backend()
  const waiting = Promise.withResolvers<void>()
  let writes = 0
  const sink = sinkInto(backend, async (_, signal) => {
    if (++writes === 1) return undefined
    waiting.resolve()
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    return undefined
  })
  const limits = { maxRecords: 30, maxBytes: 1e6, maxAgeMs: 0 }
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink, { limits })], { registry, graceMs: 1 }))
  await waiting.promise
  const page = async () => (await Array.fromAsync(expose('text', registry))).join('')
  assert.match(await page(), /^penstock_component_received_records_total\{component="sink"\} 60$/m)
  await pump[Symbol.asyncDispose]()
  const after = await page()
  assert.match(after, /^penstock_component_sent_records_total\{component="sink"\} 30$/m)
  assert.match(
    after,
    /^penstock_component_discarded_records_total\{component="sink",reason="released",intentional="true"\} 30$/m,
  )
})
