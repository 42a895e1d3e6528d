import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { BufferUnavailableError } from '../../buffer/buffer.ts'
import type { CutFrame } from '../../buffer/ring.ts'
import { Spool } from '../../buffer/spool.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { type Faults, paths, pathsIn, spoolFolder, withFaults } from './spooled.ts'

const producer = { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 7 }

function cutFrames(n: number): CutFrame[] {
  return paths(n).map((path, seq) => {
    const bytes = encodeFrame([aRecord({ path })], { ...producer, boot: 0, seq: 0, made: 0 }) // the spool stamps it
    return { seq, made: seq + 1, count: 1, bytes }
  })
}

async function openSpool(t: TestContext, faults: Faults = {}) {
  const opened = new AsyncDisposableStack()
  const log = opened.use(await (await spoolFolder(t)).open())
  const writer = opened.use(await withFaults(log, faults).writer())
  const acknowledged: number[] = []
  const lines: string[] = []
  const closing = new AbortController()
  const spool = new Spool({
    into: { buffer: log, writer },
    producer,
    onAppended: (throughSeq) => acknowledged.push(throughSeq),
    log: (_, sentence) => lines.push(sentence),
    signal: closing.signal,
  })
  return { ...{ spool, log, acknowledged, lines, closing }, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

test('frames that wait together are appended and acknowledged together', async (t) => {
  const appends: number[] = []
  await using opened = await openSpool(t, { afterAppend: (frames) => appends.push(frames.length) })
  const frames = cutFrames(5)
  opened.spool.take(frames.slice(0, 2))
  opened.spool.take(frames.slice(2))
  await opened.spool.idle()
  assert.deepEqual([appends, opened.acknowledged], [[5], [4]])
  assert.deepEqual(await pathsIn(opened.log), paths(5))
})

test('an append whose answer was lost is repeated with the same seq, and leaves nothing twice', async (t) => {
  const faults: Faults = {
    afterAppend() {
      delete faults.afterAppend
      throw new BufferUnavailableError('the answer was lost')
    },
  }
  await using opened = await openSpool(t, faults)
  opened.spool.take(cutFrames(3))
  await opened.spool.idle()
  assert.deepEqual(opened.acknowledged, [2])
  assert.deepEqual(await pathsIn(opened.log), paths(3))
  assert.deepEqual(opened.lines, [
    'The local buffer takes nothing; records wait in memory.',
    'The local buffer takes records again.',
  ])
})

test('waiting for a log that takes nothing ends with the signal', async (t) => {
  await using opened = await openSpool(t, {
    beforeAppend() {
      opened.closing.abort()
      throw new BufferUnavailableError('no answer')
    },
  })
  opened.spool.take(cutFrames(1))
  await opened.spool.idle()
  assert.deepEqual(opened.acknowledged, [])
})

test('what no repeat would mend is thrown, so that the thread begins anew', async (t) => {
  await using opened = await openSpool(t, {
    beforeAppend() {
      throw new TypeError('a fault of ours')
    },
  })
  opened.spool.take(cutFrames(1))
  await assert.rejects(opened.spool.idle(), TypeError)
  assert.deepEqual(opened.acknowledged, [])
})
