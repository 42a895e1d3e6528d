import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMinutes, falseAlarms, missedSpikes } from './season.ts'

test('no spike is told in 30 days of normal weeks', async (t) => {
  assert.deepEqual(await falseAlarms(t, 30, 20), [])
})

test('a spike at the peak of the second day is told within two minutes', async (t) => {
  assert.deepEqual(await missedSpikes(t, { peak: dayMinutes + 16 * 60 }), [])
})
