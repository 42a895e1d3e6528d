import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { firstPlace, type Place, Places } from '../../buffer/kafka/places.ts'

/** The place before the nth of some messages that hold one frame of ten records each. */
const nth = (n: number): Place => ({ offset: n, records: 10 * n, frames: n, bytes: 100 * n })

test('the nearest place before is found, by records and by offset, in whatever order they were met', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 200 }), { minLength: 1 }), fc.nat({ max: 200 }), (met, wanted) => {
      const places = new Places()
      for (const n of met) places.add(nth(n))
      const before = met.filter((n) => n <= wanted)
      const nearest = before.length > 0 ? nth(Math.max(...before)) : undefined
      assert.deepEqual(places.atRecords(10 * wanted + 9), nearest)
      assert.deepEqual(places.atOffset(wanted), nearest)
      assert.deepEqual([places.first, places.last], [nth(Math.min(...met)), nth(Math.max(...met))])
    }),
  )
})

test('of two places with as many records the further one counts, behind the marks of transactions', () => {
  const places = new Places()
  for (const offset of [7, 9, 8]) places.add({ ...nth(5), offset })
  assert.deepEqual(places.atRecords(50), { ...nth(5), offset: 9 })
})

test('what was trimmed is forgotten, and what is held begins where it was said', () => {
  const places = new Places()
  for (const n of [0, 3, 6]) places.add(nth(n))
  places.dropBefore(nth(4))
  assert.deepEqual([places.first, places.atRecords(35), places.atRecords(45)], [nth(4), undefined, nth(4)])
  assert.deepEqual(new Places().first, firstPlace)
})

test('many places cost no more than a few: older ones are thinned, and one before is still found', () => {
  const places = new Places(100)
  for (let n = 0; n < 10_000; n++) places.add(nth(n))
  assert.deepEqual(places.atRecords(99_990), nth(9999))
  assert.deepEqual(places.first, nth(0))
  for (const n of [1, 500, 5000, 9990]) assert.ok(places.atRecords(10 * n)!.records <= 10 * n)
})
