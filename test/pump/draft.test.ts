import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Frame } from '../../buffer/buffer.ts'
import { Draft } from '../../pump/draft.ts'
import { FrameCache } from '../../pump/frame-cache.ts'
import type { Shape } from '../../pump/shape/shape.ts'
import { encodeFrame, layFrame, packRecord, sliceFrame, stampFrame, Undecodable } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { Texts } from '../../record/texts.ts'
import { aShape } from './shape/shapes.ts'

const producer = '0192f0c1-2345-7abc-8def-0123456789ab'

/** Frames of the given sizes, as a log would hold them one after another. */
function framesOf(sizes: readonly number[]): Frame[] {
  let cumulative = 0
  return sizes.map((count, seq) => {
    const bytes = encodeFrame(
      Array.from({ length: count }, () => aRecord()),
      { producer, boot: 1, seq, made: cumulative + count },
    )
    const frame = { offset: cumulative, bytes, count, cumulative: cumulative + count, appendedAtMs: 1_000 + seq }
    cumulative += count
    return frame
  })
}

function draftOf(frames: readonly Frame[]): Draft {
  const cache = new FrameCache(1e9)
  const draft = new Draft({ offset: frames[0]?.offset ?? 0, index: 0 }, (frame) => cache.entries('0', frame))
  for (const frame of frames) draft.add(frame, 0, frame.count)
  return draft
}

test('a draft ends where its last frame ends, or within it', () => {
  const [first, second] = framesOf([3, 4])
  assert.ok(first && second)
  const cache = new FrameCache(1e9)
  const draft = new Draft({ offset: 0, index: 1 }, (frame) => cache.entries('0', frame))
  draft.add(first, 1, 3)
  assert.deepEqual(draft.to, { offset: 3, index: 0 })
  draft.add(second, 0, 2)
  assert.deepEqual(draft.to, { offset: 3, index: 2 })
  assert.equal(draft.size, 4)
  assert.equal(draft.appendedAtMs, 1_001)
})

test('the two parts of a split hold the records of the whole, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }), fc.nat(), (sizes, seed) => {
      const whole = draftOf(framesOf(sizes))
      const cut = seed % (whole.size + 1)
      const [left, right] = whole.splitAt(cut)
      assert.equal(left.size, cut)
      assert.equal(left.size + right.size, whole.size)
      assert.deepEqual([...left.records(), ...right.records()], [...whole.records()])
      assert.deepEqual(right.from, whole.positionOf(cut))
      assert.deepEqual(right.to, whole.to)
      if (cut > 0) assert.equal(left.to.offset + left.to.index, right.from.offset + right.from.index)
    }),
  )
})

test('the token depends on the sink and on every record, and on nothing else', () => {
  const frames = framesOf([2, 2])
  assert.equal(draftOf(frames).token('a'), draftOf(frames).token('a'))
  assert.notEqual(draftOf(frames).token('a'), draftOf(frames).token('b'))
  assert.notEqual(draftOf(frames).token('a'), draftOf(frames.slice(0, 1)).token('a'))
  const moved = frames.map((frame) => ({ ...frame, offset: frame.offset + 100, appendedAtMs: 7 }))
  assert.equal(draftOf(moved).token('a'), draftOf(frames).token('a'))
})

test('what cannot be decoded is left out of the records, keeps its place, and becomes a dead letter', () => {
  const good = aRecord()
  const texts = new Texts()
  const bytes = layFrame([packRecord(good, texts), Uint8Array.of(0xc1), packRecord(good, texts)], texts)
  stampFrame(bytes, { producer, boot: 1, seq: 0, made: 3 })
  const draft = draftOf([{ offset: 0, bytes, count: 3, cumulative: 3, appendedAtMs: 0 }])
  assert.deepEqual([...draft.records()], [good, good])
  assert.deepEqual([draft.placeOf(0), draft.placeOf(1)], [0, 2])
  assert.deepEqual(
    [...draft.undecodable()].map(([place, { form, bytes: kept }]) => [place, form, kept]),
    [[1, 'undecodable', sliceFrame(bytes, 1)]],
  )
})

test('a torn frame stands for as many undecodable records as were stamped beside it', () => {
  const [frame] = framesOf([5])
  assert.ok(frame)
  const torn = { ...frame, bytes: frame.bytes.slice(0, 100) }
  const entries = new FrameCache(1e9).entries('0', torn)
  assert.equal(entries.length, 5)
  assert.ok(entries.every((entry) => entry instanceof Undecodable))
})

test('a fresh frame is decoded once while the cache has room for it, and an old one is not kept', () => {
  const [first, second] = framesOf([2, 2])
  assert.ok(first && second)
  let now = first.appendedAtMs
  const cache = new FrameCache(first.bytes.length + second.bytes.length - 1, () => now)
  const decoded = cache.entries('0', first)
  assert.equal(cache.entries('0', first), decoded)
  cache.entries('0', second)
  assert.notEqual(cache.entries('0', first), decoded)
  now += 3_600_000
  assert.notEqual(cache.entries('0', second), cache.entries('0', second))
})

test('of a shaped draft the places of records are counted among all entries, and its parts are shaped too', () => {
  const records = ['kept', 'gone', 'gone', 'kept', 'gone', 'kept'].map((api) => aRecord({ api }))
  const bytes = encodeFrame(records, { producer, boot: 1, seq: 0, made: 6 })
  const frame = { offset: 0, bytes, count: 6, cumulative: 6, appendedAtMs: 0 }
  const cache = new FrameCache(1e9)
  const decode = (frame: Frame) => cache.entries('0', frame)
  const draft = new Draft({ offset: 0, index: 0 }, decode, aShape({ filter: { block: [{ api: 'gone' }] } }))
  draft.add(frame, 0, 6)
  assert.deepEqual([draft.placeOf(0), draft.placeOf(1), draft.placeOf(2), draft.placeOf(3)], [0, 3, 5, 6])
  assert.deepEqual([draft.kept, draft.filtered, draft.isFilteredOut()], [3, 3, false])
  const [left, right] = draft.splitAt(draft.placeOf(1))
  assert.deepEqual([left.kept, left.filtered, right.kept, right.filtered], [1, 2, 2, 1])
  const [, rest] = left.splitAt(1)
  assert.deepEqual([rest.isFilteredOut(), [...rest.records()]], [true, []])
})

test('the bytes of a record that nobody could decode are given away only where there is no shape', () => {
  const [frame] = framesOf([1])
  assert.ok(frame)
  const only = (shape?: Shape) => {
    const draft = new Draft({ offset: 0, index: 0 }, () => [], shape)
    draft.add(frame, 0, 1)
    return draft.onlyBytes()
  }
  assert.ok(only().length > 0)
  assert.equal(only(aShape({ omit: ['path'] })).length, 0)
})
