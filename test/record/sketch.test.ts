import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addValue,
  bucketOf,
  lowerBound,
  mergeInto,
  quantile,
  type Sketch,
  upperBound,
  zeroBucket,
} from '../../record/sketch.ts'

const maxError = 2 ** (1 / 64) - 1
const rounding = 1e-9 // of 2^x for the bounds, far below the error that is claimed

const durations = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 1, 2, 3, 1024, 2 ** 52, 2 ** 53 - 1))
const normals = fc.double({ min: 2 ** -1022, noNaN: true, noDefaultInfinity: true })
const values = fc.oneof(durations, normals)

const sketchOf = (list: readonly number[]) => {
  const sketch: Sketch = new Map()
  for (const value of list) addValue(sketch, value)
  return sketch
}

const merged = (...sketches: readonly Sketch[]) => {
  const sum: Sketch = new Map()
  for (const sketch of sketches) mergeInto(sum, sketch)
  return sum
}

test('a value lies within the bounds of its bucket', () => {
  const holds = (value: number) => {
    const bucket = bucketOf(value)
    assert.ok(lowerBound(bucket) <= value * (1 + rounding) && value <= upperBound(bucket) * (1 + rounding))
  }
  fc.assert(fc.property(normals, holds))
})

test('a power of two is the greatest value of its bucket, and what is next to it lies in the next', () => {
  for (let exponent = -1000; exponent <= 1000; exponent++) {
    const value = 2 ** exponent
    assert.equal(bucketOf(value), 32 * exponent - 1)
    assert.equal(bucketOf(value * (1 + Number.EPSILON)), 32 * exponent)
    assert.equal(upperBound(bucketOf(value)), value)
  }
})

test('a greater value never lies in a lower bucket', () => {
  fc.assert(fc.property(values, values, (a, b) => a > b || bucketOf(a) <= bucketOf(b)))
})

test('buckets are whole numbers of 16 bits, also at both ends', () => {
  const fits = (value: number) => {
    const bucket = bucketOf(value)
    assert.ok(Number.isInteger(bucket) && bucket >= -32_768 && bucket <= 32_767)
  }
  fc.assert(fc.property(values, fits))
  for (const value of [0, Number.MIN_VALUE, 2 ** -1022, Number.MAX_VALUE]) fits(value)
  assert.equal(bucketOf(0), zeroBucket)
  assert.ok(bucketOf(2 ** -1022) > zeroBucket)
})

test('a quantile is off by 1.09 % at most', () => {
  const list = fc.array(values, { minLength: 1, maxLength: 200 })
  const isNear = (unsorted: number[], q: number) => {
    const sorted = unsorted.toSorted((a, b) => a - b)
    const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]! // the rank is within the list
    const estimate = quantile(sketchOf(unsorted), q)! // the list is not empty
    assert.ok(Math.abs(estimate - exact) <= exact * (maxError + rounding), `${estimate} for ${exact}`)
  }
  fc.assert(fc.property(list, fc.double({ min: 0, max: 1, noNaN: true }), isNear), { numRuns: 500 })
})

test('merging is adding: in any order and grouping, the sketch is that of all values', () => {
  const list = fc.array(durations, { maxLength: 100 })
  const adds = (a: number[], b: number[], c: number[]) => {
    const whole = sketchOf([...a, ...b, ...c])
    assert.deepEqual(merged(sketchOf(a), sketchOf(b), sketchOf(c)), whole)
    assert.deepEqual(sorted(merged(sketchOf(c), merged(sketchOf(b), sketchOf(a)))), sorted(whole))
    assert.deepEqual(merged(whole, new Map()), whole)
  }
  fc.assert(fc.property(list, list, list, adds))
})

const sorted = (sketch: Sketch) => [...sketch].sort(([a], [b]) => a - b)

test('an empty sketch has no quantile', () => {
  assert.equal(quantile(new Map(), 0.5), undefined)
  assert.equal(quantile(new Map([[7, 0]]), 0.5), undefined)
})

test('a count weighs as much as the value repeated', () => {
  const sketch: Sketch = new Map()
  addValue(sketch, 10, 99)
  addValue(sketch, 1000)
  assert.equal(bucketOf(quantile(sketch, 0.99)!), bucketOf(10)) // not empty
  assert.equal(bucketOf(quantile(sketch, 1)!), bucketOf(1000))
})
