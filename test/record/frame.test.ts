import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeFrame,
  encodeFrame,
  FrameError,
  FrameVersionError,
  layFrame,
  packRecord,
  readHead,
  sliceFrame,
  stampFrame,
  Undecodable,
} from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { Texts } from '../../record/texts.ts'

const id = { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 3, seq: 2 ** 40, made: 2 ** 41 }

test('a frame gives back the records and the head that went into it', () => {
  const records = [
    aRecord({ tags: { team: 'π', 'x-y': '' } }),
    aRecord({
      status: 503,
      totalUs: Number.MAX_SAFE_INTEGER,
      detail: { requestHeaders: { a: 'b' }, truncated: ['requestBody'] },
    }),
  ]
  const frame = encodeFrame(records, id)
  assert.deepEqual(decodeFrame(frame), records)
  assert.deepEqual(readHead(frame), { ...id, count: 2 })
})

test('a whole frame of a newer version is none that is torn', () => {
  const frame = Buffer.from(encodeFrame([aRecord()], id))
  frame[2]!++ // the version
  assert.throws(() => decodeFrame(frame), FrameVersionError)
  frame[60]!++
  assert.throws(() => decodeFrame(frame), FrameError)
})

test('any strings, numbers and tags survive the frame', () => {
  const text = fc.string({ unit: 'binary' })
  const record = fc.record({
    path: text,
    userAgent: text,
    totalUs: fc.maxSafeNat(),
    weight: fc.double({ min: 1, noNaN: true }),
    tags: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
    ),
  })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (overrides) => {
      const records = overrides.map((some) => aRecord({ ...some, tags: { ...some.tags } }))
      assert.deepEqual(decodeFrame(encodeFrame(records, id)), records)
    }),
  )
})

test('a flipped bit anywhere makes the frame torn, never wrong', () => {
  const frame = encodeFrame([aRecord(), aRecord()], id)
  fc.assert(
    fc.property(fc.nat(frame.length * 8 - 1), (bit) => {
      const torn = Uint8Array.from(frame)
      torn[bit >> 3]! ^= 1 << (bit & 7) // within the array by construction
      if (bit >> 3 === 3) return // flags are not read yet
      assert.throws(() => decodeFrame(torn), FrameError)
    }),
  )
})

test('a frame cut short is torn', () => {
  const frame = encodeFrame([aRecord()], id)
  for (const length of [0, 1, 55, frame.length - 1])
    assert.throws(() => decodeFrame(frame.subarray(0, length)), FrameError)
})

test('a record that cannot be decoded stands alone and its neighbours are whole', () => {
  const good = aRecord()
  const texts = new Texts()
  const frame = layFrame([packRecord(good, texts), Uint8Array.of(0xc1), packRecord(good, texts)], texts)
  stampFrame(frame, id)
  const [first, second, third] = decodeFrame(frame)
  assert.deepEqual([first, third], [good, good])
  assert.ok(second instanceof Undecodable)
  assert.deepEqual(second.bytes, sliceFrame(frame, 1), 'with the texts that it shares')
  assert.equal(second.bytes.at(-1), 0xc1)
})

test('a record can be taken out of a frame as a frame of its own', () => {
  const records = [aRecord({ path: '/a' }), aRecord({ path: '/b', consumer: 'other' }), aRecord({ path: '/c' })]
  const frame = encodeFrame(records, id)
  for (const [i, record] of records.entries()) assert.deepEqual(decodeFrame(sliceFrame(frame, i)), [record])
  assert.deepEqual(readHead(sliceFrame(frame, 1)), { ...id, count: 1 })
  assert.deepEqual(
    [sliceFrame(frame, 3).length, sliceFrame(frame.subarray(0, 60), 0).length, sliceFrame(Uint8Array.of(1), 0).length],
    [0, 0, 0],
  )
})
