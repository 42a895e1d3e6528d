import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest, didYouMean } from '../../runtime/suggest.ts'

test('a misspelt word finds the one that was meant', () => {
  assert.equal(closest('capacty', ['capacity', 'maxRecords']), 'capacity')
  assert.equal(closest('lisetn', ['listen', 'limits']), 'listen')
  assert.equal(closest('TimeOut', ['timeout']), 'timeout')
})

test('a word that is close to nothing gets no suggestion', () => {
  assert.equal(closest('zebra', ['listen', 'limits']), undefined)
  assert.equal(didYouMean('zebra', ['listen']), '')
  assert.equal(didYouMean('listn', ['listen']), ' Did you mean "listen"?')
})
