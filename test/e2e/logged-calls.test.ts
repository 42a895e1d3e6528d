import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callKey, readLoggedCalls } from './logged-calls.ts'
import { assertSameTally, tally, total } from './tally.ts'

test('the access log has 10,000 calls of 8,001 kinds that sum to 2.75 GB', () => {
  const calls = readLoggedCalls()
  const counts = tally(calls, callKey)
  assert.equal(counts.size, 8001) // as `cut`, `sort` and `uniq` count them
  assert.equal(total(counts), 10_000)
  assert.equal(
    calls.reduce((sum, { bytes }) => sum + bytes, 0),
    2_747_282_740,
  )
})

test('two tallies that differ are shown by what differs', () => {
  const expected = new Map([
    ['GET /a', 2],
    ['GET /b', 1],
  ])
  const held = new Map([
    ['GET /a', 3],
    ['GET /b', 1],
  ])
  assertSameTally(new Map(expected), expected, 'a sink')
  assert.throws(
    () => assertSameTally(held, expected, 'a sink'),
    /a sink holds 4 where 3 are expected; 1 counts differ:\n {2}3 for 2 {2}GET \/a$/,
  )
})
