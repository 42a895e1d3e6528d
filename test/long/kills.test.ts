import { test } from 'node:test'
import type { Fault } from '../e2e/faults.ts'
import { assertSurvives } from '../e2e/kills.ts'
import { readLoggedCalls } from '../e2e/logged-calls.ts'

const pumpKills = Array<Fault>(10).fill({ kind: 'pump killed', trafficMs: 5000 })
const gatewayKills = Array<Fault>(3).fill({ kind: 'gateway killed', trafficMs: 4000 })

test('ten deaths of the pump, three of the gateway and 20 s without Redis: every sink holds every record once', async (t) => {
  await assertSurvives(t, {
    calls: readLoggedCalls(),
    faults: [...pumpKills, ...gatewayKills, { kind: 'redis stopped', forMs: 20_000, trafficMs: 30_000 }],
  })
})
