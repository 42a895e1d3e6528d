import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missedSpikes, weekMinutes } from '../alerts/season.ts'

test('when the season is known, spikes are told within two minutes by day and by night', async (t) => {
  assert.deepEqual(await missedSpikes(t, { peak: weekMinutes + 16 * 60, night: weekMinutes + 28 * 60 }), [])
})
