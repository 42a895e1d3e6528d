import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CutFrame, Ring } from '../../buffer/ring.ts'
import { decodeFrame, frameCutBytes, frameCutRecords, stampFrame, Undecodable } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'

const producer = { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 1 }
const mega = 1024 * 1024

function openRing(options: Partial<ConstructorParameters<typeof Ring>[0]> = {}): Ring {
  return new Ring({ maxBytes: 16 * mega, windowBytes: 16 * mega, ...options })
}

function pathsOf(frame: CutFrame): string[] {
  stampFrame(frame.bytes, { ...producer, ...frame })
  return decodeFrame(frame.bytes).map((record) => (record instanceof Undecodable ? '' : record.path))
}

const of = (path: string) => aRecord({ path })

test('a frame is cut by hand, and holds what was put since the last cut in order', () => {
  const ring = openRing()
  for (const path of ['/a', '/b', '/c']) ring.push(of(path))
  assert.equal(ring.readyBytes, 0)
  ring.cut()
  ring.cut()
  ring.push(of('/d'))
  ring.cut()
  const frames = ring.handOver()
  assert.deepEqual(frames.map(pathsOf), [['/a', '/b', '/c'], ['/d']])
  assert.deepEqual(
    frames.map(({ seq, made, count }) => ({ seq, made, count })),
    [
      { seq: 0, made: 3, count: 3 },
      { seq: 1, made: 4, count: 1 },
    ],
  )
  assert.deepEqual(ring.handOver(), [])
})

test('a frame is cut by itself when it has its records or its bytes', () => {
  const ring = openRing()
  const tiny = aRecord({ path: '/', traceId: '', spanId: '' })
  for (let i = 0; i < frameCutRecords; i++) ring.push(tiny)
  assert.deepEqual([ring.openRecords, ring.handOver()[0]?.count], [0, frameCutRecords])
  for (let i = 0; i < 300; i++) ring.push(of(`/${'x'.repeat(200)}`))
  const [frame] = ring.handOver()
  assert.ok(frame && frame.bytes.length <= frameCutBytes && frame.bytes.length > frameCutBytes - 1024)
})

test('a record as large as a frame may be stands alone in its frame', () => {
  const ring = openRing()
  ring.push(of('/small'))
  ring.push(of(`/${'x'.repeat(3 * mega)}`))
  ring.push(of('/small'))
  ring.cut()
  assert.deepEqual(
    ring.handOver().map((frame) => frame.count),
    [1, 1, 1],
  )
})

test('a text that many records have stands in their frame once, and in the next frame again', () => {
  const ring = openRing()
  const userAgent = 'a'.repeat(20_000)
  for (const path of ['/a', '/b', '/c', `/${'d'.repeat(50_000)}`]) ring.push(aRecord({ path, userAgent }))
  ring.cut()
  const frames = ring.handOver()
  assert.deepEqual(
    frames.map(({ count, bytes }) => [count, Math.floor(bytes.length / 20_000)]),
    [
      [3, 1],
      [1, 3],
    ],
  )
  for (const frame of frames) {
    stampFrame(frame.bytes, { ...producer, ...frame })
    for (const record of decodeFrame(frame.bytes))
      assert.ok(!(record instanceof Undecodable) && record.userAgent === userAgent)
  }
})

test('a record that is too large is not taken, and leaves the frame as it was', () => {
  const ring = openRing()
  ring.push(of('/a'))
  const { bytes } = ring
  assert.equal(ring.push(aRecord({ userAgent: 'x'.repeat(5 * mega) })), 'too_large')
  assert.deepEqual([ring.bytes, ring.records], [bytes, 1])
})

test('a full ring refuses the newest record, and takes records again once a frame is acknowledged', () => {
  const ring = openRing({ maxBytes: 100_000 })
  let taken = 0
  while (ring.push(of(`/${taken}`)) === 'taken') taken++
  assert.ok(ring.bytes <= 100_000)
  assert.equal(ring.push(of('/more')), 'ring_full')
  assert.equal(ring.records, taken)
  const [first] = ring.handOver()
  assert.ok(first)
  assert.deepEqual(pathsOf(first)[0], '/0', 'the oldest is still there')
  assert.equal(ring.acknowledge(first.seq), first.count)
  assert.equal(ring.push(of('/more')), 'taken')
  assert.equal(ring.records, taken - first.count + 1)
})

test('no more than the window is handed over at once, but always something', () => {
  const ring = openRing({ windowBytes: 1000 })
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) ring.push(of('/'))
    ring.cut()
  }
  assert.deepEqual(seqs(ring.handOver()), [0])
  assert.equal(ring.readyBytes, 0)
  ring.acknowledge(0)
  assert.ok(ring.readyBytes > 0)
  assert.deepEqual(seqs(ring.handOver()), [1])
})

test('after a rewind what is not acknowledged is handed over again, the same', () => {
  const ring = openRing()
  for (const path of ['/a', '/b', '/c']) {
    ring.push(of(path))
    ring.cut()
  }
  const frames = ring.handOver()
  ring.acknowledge(0)
  ring.rewind()
  assert.deepEqual(ring.handOver(), frames.slice(1))
  ring.acknowledge(2)
  ring.rewind()
  assert.deepEqual(ring.handOver(), [])
  assert.deepEqual([ring.bytes, ring.records], [0, 0])
})

test('whatever happens, each taken record leaves once, in order, and the bytes are those of the frames', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 20_000 }) },
    { weight: 2, arbitrary: fc.constantFrom('cut', 'handOver', 'acknowledge', 'rewind') },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ring = openRing({ maxBytes: 150_000, windowBytes: 50_000 })
      const out = new Map<number, CutFrame>()
      let taken = 0
      let gone = 0
      for (const step of steps) {
        if (typeof step === 'number')
          taken += Number(ring.push(aRecord({ path: '/'.repeat(step), userAgent: `agent ${step % 7}` })) === 'taken')
        else if (step === 'cut') ring.cut()
        else if (step === 'handOver') for (const frame of ring.handOver()) out.set(frame.seq, frame)
        else if (step === 'acknowledge' && out.size > 0) {
          const oldest = Math.min(...out.keys())
          gone += ring.acknowledge(oldest)
          out.delete(oldest)
        } else if (step === 'rewind') {
          ring.rewind()
          out.clear()
        }
        assert.ok(ring.bytes <= 150_000)
        assert.equal(ring.records, taken - gone)
      }
      assert.equal(ring.discard(), taken - gone)
      assert.deepEqual([ring.bytes, ring.records, ring.handOver()], [0, 0, []])
    }),
  )
})

function seqs(frames: readonly CutFrame[]): number[] {
  return frames.map((frame) => frame.seq)
}
