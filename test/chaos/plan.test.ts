import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultKind, planFaults } from './plan.ts'

const kinds: readonly FaultKind[] = Array.from({ length: 10 }, (_, i) => ({
  kind: `kind ${i}`,
  targets: ['one', 'other'],
  forMs: [100, 4000],
}))

test('a seed makes the same plan again, and another seed another one', () => {
  const plan = planFaults({ seed: 5, wholeMs: 60_000, kinds })
  assert.deepEqual(planFaults({ seed: 5, wholeMs: 60_000, kinds }), plan)
  assert.notDeepEqual(planFaults({ seed: 6, wholeMs: 60_000, kinds }), plan)
})

test('a plan of minutes has every kind, and every fault is over in time', () => {
  const plan = planFaults({ seed: 5, wholeMs: 180_000, kinds })
  assert.equal(new Set(plan.map(({ kind }) => kind)).size, kinds.length)
  assert.ok(plan.every(({ atMs, forMs }) => atMs + forMs <= 180_000))
})

test('where nothing can be done the plan is empty', () => {
  assert.deepEqual(planFaults({ seed: 5, wholeMs: 60_000, kinds: [] }), [])
})
