import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matcher } from '../../../pump/shape/pattern.ts'

/** Few letters, so that patterns and texts often agree. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 })
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 })

test('a pattern matches what a regular expression of the same meaning does', () => {
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), text, (patterns, text) => {
      const meaning = patterns.map((one) => new RegExp(`^${one.split('*').map(RegExp.escape).join('.*')}$`, 's'))
      assert.equal(
        matcher(patterns)(text),
        meaning.some((expression) => expression.test(text)),
      )
    }),
  )
})

test('a pattern with a star matches its own text, and whatever stands for the star', () => {
  fc.assert(
    fc.property(text, text, text, (before, between, after) => {
      assert.ok(matcher([`${before}*${after}`])(before + between + after))
      assert.ok(matcher([`${before}*${after}`])(`${before}*${after}`))
    }),
  )
})

test('a pattern of many stars takes no longer than its text is long', () => {
  const hostile = matcher(['*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b*'])
  assert.equal(hostile('a'.repeat(1_000_000)), false) // an expression that tries every place would not come back
})
