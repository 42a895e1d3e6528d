import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RequestRecord } from '../../../record/fields.ts'
import { isFailed } from '../../../record/outcome.ts'
import { aRecord } from '../../../record/sample.ts'
import { aShape } from './shapes.ts'

/** The n-th of ids that a gateway might have made within one second: alike but for their last part. */
function idOf(n: number): string {
  const random = hash('sha256', String(n))
  return `01a4b7c8-3f2${n % 10}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`
}

/** Ids that say nothing but a number, as another producer may choose them. */
function plainId(n: number): string {
  return `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
}

const weightOf = (records: Iterable<RequestRecord | undefined>) =>
  Array.from(records).reduce((sum, record) => sum + (record?.weight ?? 0), 0)

for (const [kind, toId] of Object.entries({ idOf, plainId })) {
  for (const oneIn of [2, 10, 97]) {
    test(`sampling 1 in ${oneIn} leaves the sum of weights as it was, in expectation (${kind})`, () => {
      const shape = aShape({ sample: { oneIn } })
      const count = 50_000
      const all = Array.from({ length: count }, (_, n) => aRecord({ id: toId(n), status: 200 }))
      const sum = weightOf(all.map((record) => shape.apply(record)))
      const deviation = Math.sqrt(count * (oneIn - 1)) // of a sum of `count` weights that are `oneIn` or nothing
      assert.ok(Math.abs(sum - count) < 5 * deviation, `${sum} of ${count}, deviation ${deviation}`)
    })
  }
}

test('the same record meets the same decision at every repeat and in every sink of that rate', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 1, max: 1000 }), (id, oneIn) => {
      const record = aRecord({ id })
      const first = aShape({ sample: { oneIn } })
      const other = aShape({ sample: { oneIn }, filter: { block: [{ api: 'x' }] }, omit: ['path'] })
      assert.equal(first.refusal(record), first.refusal(record))
      assert.equal(first.refusal(record), other.refusal({ ...record, ts: 0, status: 301 }))
    }),
  )
})

test('what is kept of many is also kept of few', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), (id, a, b) => {
      const isKept = (oneIn: number) => aShape({ sample: { oneIn } }).apply(aRecord({ id })) !== undefined
      if (isKept(Math.max(a, b))) assert.ok(isKept(Math.min(a, b)))
    }),
  )
})

test('failed records, and those that are named, are all kept and stand for themselves', () => {
  const shape = aShape({ sample: { oneIn: 1_000_000, keep: [{ consumer: 'vip' }] } })
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.constantFrom(200, 404, 500, 503),
      fc.constantFrom('vip', 'acme'),
      (id, status, consumer) => {
        const record = aRecord({ id, status, consumer })
        if (isFailed(record) || consumer === 'vip') assert.equal(shape.apply(record)?.weight, 1)
      },
    ),
  )
})

test('a weight that a record came with is multiplied', () => {
  assert.equal(aShape({ sample: { oneIn: 1 } }).apply(aRecord({ weight: 7 }))?.weight, 7)
  const kept = Array.from({ length: 100 }, (_, n) => aRecord({ id: idOf(n), weight: 3 })).flatMap(
    (record) => aShape({ sample: { oneIn: 4 } }).apply(record) ?? [],
  )
  assert.ok(kept.length > 0)
  assert.ok(kept.every(({ weight }) => weight === 12))
})
