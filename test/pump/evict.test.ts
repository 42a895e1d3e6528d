import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Registry } from 'prom-client'
import type { Buffer as Log } from '../../buffer/buffer.ts'
import type { Pump } from '../../pump/pump.ts'
import { expose } from '../../runtime/exposition.ts'
import type { Log as Journal } from '../../runtime/log.ts'
import { HaltError } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import { aLog, aPumpSink, Backend, ledgerOf, pumpOptions, records, sinkInto, startPump, type TestLog } from './log.ts'

const frames = 100
const perFrame = 5

/** A log with one frame, that is full to 97 % once `fill` has appended a hundred more of its size. */
async function aLogToFill(t: TestContext) {
  const log = aLog(t)
  const [record] = records(1)
  assert.ok(record)
  const frame = Array.from({ length: perFrame }, () => record)
  await log.append(frame)
  const maxBytes = Math.floor(((await bytesOf(log)) * (frames + 1)) / 0.97)
  const fill = () => log.append(...Array.from({ length: frames }, () => frame))
  return { log, maxBytes, fill, openBuffer: () => log.open({ maxBytes }) }
}

async function bytesOf(log: TestLog): Promise<number> {
  await using buffer = await log.open()
  return (await buffer.inspect())[0]?.bytes ?? 0
}

const broken = () =>
  aPumpSink(
    sinkInto(new Backend(), async () => {
      throw new HaltError('access denied')
    }),
    { name: 'broken' },
  )

test('a sink that fills the buffer gives up its oldest records, once, counted and for itself alone', async (t) => {
  const { log, maxBytes, fill, openBuffer } = await aLogToFill(t)
  const errors: string[] = []
  const keepErrors: Journal = (level, sentence) => void (level === 'error' && errors.push(sentence))
  const sinks = [broken(), aPumpSink(sinkInto(new Backend()), { name: 'sound' })]
  const pump = await startPump(t, pumpOptions(log, sinks, { openBuffer, graceMs: 10, log: keepErrors }))
  await until(() => isHalted(pump), { what: 'the sink is halted' })
  await fill()
  await until(async () => (await bytesOf(log)) <= maxBytes * 0.9, { what: 'the log is small enough again' })
  const all = (frames + 1) * perFrame
  const { appended, delivered, evicted, backlog } = await ledgerOf(log, 'broken')
  assert.deepEqual([appended, delivered, evicted + backlog], [all, 0, all])
  assert.ok(evicted <= 10 * perFrame, `${evicted} records were given up where 8 frames make room`)
  const sound = await ledgerOf(log, 'sound')
  assert.deepEqual([sound.delivered, sound.evicted], [all, 0])
  const others = errors.filter((sentence) => !sentence.startsWith('Sink is halted'))
  assert.deepEqual(others, [
    'Buffer is filling up: this sink has the longest way to go.',
    'Oldest records were given up for this sink, because it held a nearly full buffer.',
  ])
})

test('a sink that is held for ever gives nothing up, though the buffer is nearly full', async (t) => {
  const { log, fill, openBuffer } = await aLogToFill(t)
  let looks = 0
  const openCounted = async () => counted(await openBuffer(), () => looks++)
  const sinks = [{ ...broken(), hold: 'forever' as const }, aPumpSink(sinkInto(new Backend()), { name: 'sound' })]
  await startPump(t, pumpOptions(log, sinks, { openBuffer: openCounted, graceMs: 10 }))
  await fill()
  const before = looks
  await until(() => looks > before + 2, { what: 'the pump has seen that the log is nearly full' })
  const all = (frames + 1) * perFrame
  const { evicted, backlog } = await ledgerOf(log, 'broken')
  assert.deepEqual([evicted, backlog], [0, all])
  assert.equal((await ledgerOf(log, 'sound')).evicted, 0)
})

test('a sink that is not in the config any more gives up its oldest records too, counted and shown', async (t) => {
  const { log, maxBytes, fill, openBuffer } = await aLogToFill(t)
  await using buffer = await openBuffer()
  const gone = await buffer.reader({ sink: 'gone', shard: '0', owner: 'earlier', startAt: 'oldest' })
  await gone?.[Symbol.asyncDispose]()
  await fill()
  const registry = new Registry()
  const sound = aPumpSink(sinkInto(new Backend()), { name: 'sound' })
  await startPump(t, pumpOptions(log, [sound], { openBuffer, registry }))
  await until(async () => (await bytesOf(log)) <= maxBytes * 0.9, { what: 'the log is small enough again' })
  const { evicted } = await ledgerOf(log, 'gone')
  assert.ok(evicted > 0 && evicted <= 10 * perFrame, `${evicted} records were given up where 8 frames make room`)
  const page = (await Array.fromAsync(expose('text', registry))).join('')
  assert.match(page, /^penstock_sink_orphan\{sink="gone"\} 1$/m)
  assert.match(page, /^penstock_sink_orphan\{sink="sound"\} 0$/m)
  const given = `penstock_component_discarded_records_total{component="gone",reason="evicted",intentional="false"} ${evicted}\n`
  assert.ok(page.includes(given), page)
  assert.ok(page.includes(`penstock_component_received_records_total{component="gone"} ${evicted}\n`))
})

test('a pump that waits for a lease gives nothing up, then or when it takes over', async (t) => {
  const { log, maxBytes, fill, openBuffer } = await aLogToFill(t)
  await fill()
  await using buffer = await openBuffer()
  const owner = await buffer.reader({ sink: 'broken', shard: '0', owner: 'first', startAt: 'oldest' })
  assert.ok(owner)
  let looks = 0
  const openCounted = async () => counted(await openBuffer(), () => looks++)
  const pump = await startPump(t, pumpOptions(log, [broken()], { openBuffer: openCounted, owner: 'second' }))
  await until(() => looks > 1, { what: 'the pump has seen that the log is nearly full' })
  await owner.evict({ offset: 20 * perFrame, index: 0 }, 20 * perFrame)
  await until(async () => (await bytesOf(log)) <= maxBytes * 0.9, { what: 'the owner has made room' })
  await owner[Symbol.asyncDispose]()
  await until(() => isHalted(pump), { what: 'the pump has taken over' })
  assert.equal((await ledgerOf(log, 'broken')).evicted, 20 * perFrame)
})

/** A log that tells when it is inspected. */
function counted(log: Log, onLook: () => void): Log {
  const inspect = () => {
    onLook()
    return log.inspect()
  }
  return wrappedLog(log, { inspect, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() })
}

async function isHalted(pump: Pump): Promise<boolean> {
  return (await pump.health()).sinks.some(({ state }) => state === 'halted')
}
