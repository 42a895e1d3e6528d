import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFilters } from '../../usage/filter.ts'

test('conditions are separated by semicolons and values by commas', () => {
  assert.deepEqual(parseFilters('status>=500; consumer==acme,globex;tags.tier!=free'), [
    { field: 'status', comparison: '>=', values: [500] },
    { field: 'consumer', comparison: '==', values: ['acme', 'globex'] },
    { field: 'tags.tier', comparison: '!=', values: ['free'] },
  ])
})

test('nothing is no condition', () => {
  assert.deepEqual(parseFilters(''), [])
  assert.deepEqual(parseFilters(' ; '), [])
})

test('a field without a value is compared with the empty text', () => {
  assert.deepEqual(parseFilters('consumer=='), [{ field: 'consumer', comparison: '==', values: [''] }])
})

test('a value may hold anything, where a backslash stands before what would end it', () => {
  const escaped = (text: string) => text.replace(/[\\,;]/g, '\\$&')
  const values = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(values, values, (some, others) => {
      const text = `path==${some.map(escaped).join(',')};consumer!=${others.map(escaped).join(',')}`
      assert.deepEqual(parseFilters(text), [
        { field: 'path', comparison: '==', values: some },
        { field: 'consumer', comparison: '!=', values: others },
      ])
    }),
  )
})

for (const [text, message] of Object.entries({
  'status>=5oo': /"5oo" is not a whole number, as status is/,
  'status==': /"" is not a whole number/,
  'status>=500,501': /status>= takes one number, not 2/,
  'consumer>=5': /"consumer" is a text: compare it with == or !=/,
  'consumr==acme': /There is no field "consumr". Did you mean "consumer"\?/,
  'consumer=acme': /"consumer=acme" is no condition: write it as consumer==acme/,
  acme: /"acme" is no condition/,
  'tags.==x': /There is no field "tags\."/,
  [`path==${'a,'.repeat(100)}`]: /at most 100 values/,
})) {
  test(`"${text.slice(0, 20)}" is refused with what to write instead`, () => {
    assert.throws(() => parseFilters(text), message)
  })
}
