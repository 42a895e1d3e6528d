import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferUnavailableError, type Buffer as Log, type Reader } from '../../buffer/buffer.ts'
import { openPump } from '../../pump/pump.ts'
import type { LogFields } from '../../runtime/log.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import { aLog, aPumpSink, Backend, ledgerOf, pumpOptions, records, sinkInto, startPump } from './log.ts'

/** A log that nobody reaches while `isAway`. */
function losable(log: Log, isAway: () => boolean): Log {
  let asked = 0
  const reach = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (isAway()) throw new BufferUnavailableError(`no connection ${asked++}`)
    return await ask()
  }
  const losableReader = (reader: Reader): Reader => ({
    ...reader,
    read: (from, options) => reach(() => reader.read(from, options)),
    seal: (block) => reach(() => reader.seal(block)),
    settle: (seal, settlement) => reach(() => reader.settle(seal, settlement)),
    retries: (options) => reach(() => reader.retries(options)),
  })
  return wrappedLog(log, {
    inspect: () => reach(() => log.inspect()),
    trim: (options) => reach(() => log.trim(options)),
    reader: async (options) => {
      const reader = await reach(() => log.reader(options))
      return reader && losableReader(reader)
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  })
}

test('while the log is away there is one line when it goes and one when it is back, whatever the sinks', async (t) => {
  const log = aLog(t)
  await log.append(records(10))
  const lines: { level: string; sentence: string; fields: LogFields | undefined }[] = []
  let isAway = false
  let asked = 0
  const openBuffer = async () =>
    losable(await log.open(), () => {
      if (isAway) asked++
      return isAway
    })
  const names = ['first', 'second', 'third']
  const sinks = names.map((name) => aPumpSink(sinkInto(new Backend()), { name }))
  const keep = (level: string, sentence: string, fields?: LogFields) => void lines.push({ level, sentence, fields })
  await startPump(t, pumpOptions(log, sinks, { openBuffer, log: keep }))
  const drained = async (records: number) => {
    const ledgers = await Promise.all(names.map((name) => ledgerOf(log, name).catch(() => undefined)))
    return ledgers.every((ledger) => ledger?.delivered === records)
  }
  await until(() => drained(10), { what: 'all is delivered' })
  isAway = true
  await until(() => asked > 30, { what: 'everybody has asked again and again' })
  await log.append(records(5))
  isAway = false
  await until(() => drained(15), { what: 'all is delivered again' })
  await until(() => lines.length > 1, { what: 'the log is back for everybody' })
  assert.deepEqual(
    lines.map(({ level, sentence }) => [level, sentence]),
    [
      ['warn', 'Buffer cannot be reached; it is asked until it answers.'],
      ['info', 'Buffer answers again.'],
    ],
  )
  assert.match(String(lines[0]?.fields?.reason), /^no connection/)
})

test('a sink that does not heed its signal cannot hold a stop; its block stays sealed and is sent by the next pump', async (t) => {
  const log = aLog(t)
  await log.append(records(10))
  const errors: string[] = []
  const writing = Promise.withResolvers<void>()
  const stuck = sinkInto(new Backend(), () => {
    writing.resolve()
    return new Promise<never>(() => {})
  })
  const pump = await openPump(
    pumpOptions(log, [aPumpSink(stuck)], {
      graceMs: 10,
      log: (level, sentence) => void (level === 'error' && errors.push(sentence)),
    }),
  )
  await writing.promise
  await pump[Symbol.asyncDispose]()
  assert.deepEqual(errors, ['Sink went on with a write that was aborted, and was left behind; the block stays sealed.'])
  assert.equal((await ledgerOf(log)).backlog, 10)
  const backend = new Backend()
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend))]))
  await until(async () => (await ledgerOf(log)).backlog === 0, { what: 'the block is delivered' })
  assert.equal(backend.ids().length, 10)
})
