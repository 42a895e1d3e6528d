import { test } from 'node:test'
import { assertSurvives } from './kills.ts'
import { readLoggedCalls } from './logged-calls.ts'

test('pump, gateway and Redis die while calls are made, and every sink holds every record once', async (t) => {
  await assertSurvives(t, {
    calls: readLoggedCalls().slice(0, 2000),
    faults: [
      { kind: 'pump killed', trafficMs: 4000 },
      { kind: 'pump killed', trafficMs: 4000 },
      { kind: 'gateway killed', trafficMs: 3000 },
      { kind: 'redis stopped', forMs: 2000, trafficMs: 5000 },
    ],
  })
})
