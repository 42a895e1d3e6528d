import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Buffer as OpenedLog } from '../../buffer/buffer.ts'
import { ownState, retriesOf, retriesState } from '../../pump/retry-state.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import file from '../../sinks/file/file.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { scratchFolder } from '../scratch.ts'
import type { SinkHarness } from '../sinks/delivery.ts'
import { scratch as filesFolder, recordsIn } from '../sinks/file-delivery.ts'
import { mongoHarness } from '../sinks/mongo-place.ts'
import { harness as prometheusHarness } from '../sinks/prometheus-delivery.ts'
import { aPumpSink, pumpOptions, startPump } from './log.ts'
import { aLogWithLetters, assertConserved, bad, held, minutesOf, rejecting, retryAll, untilHeld } from './retried.ts'

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
