import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Frame } from '../../buffer/buffer.ts'
import { FrameCache } from '../../pump/frame-cache.ts'
import { encodeFrame, Undecodable } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { until } from '../services/until.ts'
import { aLog, aPumpSink, Backend, ledgerOf, pumpOptions, records, sinkInto, startPump } from './log.ts'

function frameAt(offset: number, path: string): Frame {
  const bytes = encodeFrame([aRecord({ path })], { producer: randomUUID(), boot: 1, seq: 0, made: 1 })
  return { offset, bytes, count: 1, cumulative: offset + 1, appendedAtMs: 1000 }
}

function pathsOf(cache: FrameCache, frame: Frame): string[] {
  return cache.entries('0', frame).map((entry) => (entry instanceof Undecodable ? entry.reason : entry.path))
}

test('a frame is decoded once for all sinks', () => {
  const cache = new FrameCache(1e6, () => 1000)
  const frame = frameAt(0, '/once')
  assert.equal(cache.entries('0', frame), cache.entries('0', { ...frame, bytes: Buffer.from(frame.bytes) }))
})

test('a log that lost its tail has another frame in the same place, and its own records', () => {
  const cache = new FrameCache(1e6, () => 1000)
  assert.deepEqual(pathsOf(cache, frameAt(500, '/lost')), ['/lost'])
  assert.deepEqual(pathsOf(cache, frameAt(500, '/instead')), ['/instead'])
})

test('a frame that a newer Penstock made waits for a pump that can read it', async (t) => {
  const log = aLog(t)
  const newer = encodeFrame(records(5), { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 1, seq: 0, made: 5 })
  newer[2]!++ // the version
  await log.appendBytes(newer, 5)
  const pump = await startPump(
    t,
    pumpOptions(log, [aPumpSink(sinkInto(new Backend(), async (block) => void block.records))]),
  )
  const reason = async () => (await pump.health()).sinks[0]?.reason
  await until(async () => (await reason()) !== undefined, { what: 'a reason' })
  assert.match((await reason()) ?? '', /run that one/)
  const { deadLettered, backlog } = await ledgerOf(log)
  assert.deepEqual([deadLettered, backlog], [0, 5])
})
