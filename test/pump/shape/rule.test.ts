import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RequestRecord } from '../../../record/fields.ts'
import { isFailed, outcomes } from '../../../record/outcome.ts'
import { aRecord } from '../../../record/sample.ts'
import { aShape, faultsOf, type ShapeInput } from './shapes.ts'

const name = fc.constantFrom('', 'a', 'b', 'ab')
const status = fc.constantFrom(200, 301, 404, 429, 500, 503)

const record = fc
  .record({ api: name, consumer: name, status, outcome: fc.constantFrom(...outcomes), tags: fc.dictionary(name, name) })
  .map((overrides) => aRecord(overrides))

const values = fc.constantFrom('a', 'b', 'a*', '*b', '*')
const rule = fc
  .record(
    {
      api: fc.oneof(values, fc.array(values, { minLength: 1, maxLength: 2 })),
      consumer: values,
      status: fc.constantFrom<string | number>(404, '5xx', '404-500', '200'),
      failed: fc.boolean(),
      tag: fc.dictionary(fc.constantFrom('a', 'b'), values, { minKeys: 1 }),
    },
    { requiredKeys: [] },
  )
  .filter((conditions) => Object.keys(conditions).length > 0)
const rules = fc.array(rule, { minLength: 1, maxLength: 3 })

function allows(filter: ShapeInput['filter'], one: RequestRecord): boolean {
  return aShape({ filter }).apply(one) !== undefined
}

test('a filter lets through what one of its allow rules matches and none of its block rules does', () => {
  fc.assert(
    fc.property(rules, rules, record, (allow, block, one) => {
      const allowed = allow.some((rule) => allows({ allow: [rule] }, one))
      const blocked = block.some((rule) => !allows({ block: [rule] }, one))
      assert.equal(allows({ allow }, one), allowed)
      assert.equal(allows({ block }, one), !blocked)
      assert.equal(allows({ allow, block }, one), allowed && !blocked)
    }),
  )
})

test('the same rules as allow and as block let opposite records through', () => {
  fc.assert(
    fc.property(rules, record, (rules, one) => {
      assert.notEqual(allows({ allow: rules }, one), allows({ block: rules }, one))
    }),
  )
})

test('a rule matches where each of its conditions does', () => {
  fc.assert(
    fc.property(rule, record, (conditions, one) => {
      const each = Object.entries(conditions).every(([key, value]) => allows({ allow: [{ [key]: value }] }, one))
      assert.equal(allows({ allow: [conditions] }, one), each)
    }),
  )
})

test('a shape never changes a record that only filters look at', () => {
  fc.assert(
    fc.property(rules, record, (allow, one) => {
      const shaped = aShape({ filter: { allow } }).apply(one)
      if (shaped) assert.equal(shaped, one)
    }),
  )
})

test('failed is what the success rate counts as failed', () => {
  fc.assert(
    fc.property(record, (one) => {
      assert.equal(allows({ allow: [{ failed: true }] }, one), isFailed(one))
      assert.equal(allows({ allow: [{ failed: false }] }, one), !isFailed(one))
    }),
  )
})

test('statuses are codes, ranges and classes', () => {
  const takes = (status: string | number | (string | number)[]) =>
    [200, 299, 404, 499, 500, 503, 599].filter((code) => allows({ allow: [{ status }] }, aRecord({ status: code })))
  assert.deepEqual(takes(404), [404])
  assert.deepEqual(takes('404'), [404])
  assert.deepEqual(takes('500-503'), [500, 503])
  assert.deepEqual(takes('5xx'), [500, 503, 599])
  assert.deepEqual(takes(['2xx', 404]), [200, 299, 404])
})

test('methods are compared without regard to case, and a tag that a record lacks matches nothing', () => {
  assert.ok(allows({ allow: [{ method: 'get' }] }, aRecord({ method: 'GET' })))
  assert.ok(!allows({ allow: [{ tag: { constructor: '*' } }] }, aRecord()))
  assert.ok(!allows({ allow: [{ tag: { customer: '*' } }] }, aRecord({ tags: { other: 'x' } })))
})

test('what keeps a record from the sink is told by its place in the config', () => {
  const shape = aShape({ filter: { allow: [{ api: 'orders' }], block: [{ consumer: 'x' }, { status: 404 }] } })
  assert.equal(shape.refusal(aRecord({ api: 'orders' })), undefined)
  assert.equal(shape.refusal(aRecord({ api: 'other' })), 'filter.allow')
  assert.equal(shape.refusal(aRecord({ api: 'other', status: 404 })), 'filter.block[1]')
})

test('rules that can match nothing, or everything, are refused with what to write', () => {
  assert.deepEqual(faultsOf({ filter: { allow: [{}] } }), [
    'filter.allow.0: a rule without a condition would match every record; say what it asks for',
  ])
  for (const status of [42, '5x', '599-500', '600', ['2xx', '6xx'], true]) {
    assert.match(String(faultsOf({ filter: { block: [{ status }] } })), /expected a status such as 404, a range/)
  }
  assert.match(String(faultsOf({ filter: { allow: [{ outcome: 'upstram_*' }] } })), /no outcome is "upstram_\*": .*ok,/)
  assert.match(String(faultsOf({ filter: { allow: [{ api: 7 }] } })), /expected a text or a list of texts/)
  assert.match(String(faultsOf({ filter: { allow: [{ tag: {} }] } })), /a tag by its name/)
  assert.notDeepEqual(faultsOf({ filter: { allow: [] } }), [])
})
