import { test } from 'node:test'
import { crashEverywhere } from './crash.ts'
import { delivering, dying, evicting, retrying } from './crash-scenarios.ts'
import { aLog } from './log.ts'

const scenarios = [
  ...[0, 2].flatMap((culprits) => [1, 3].map((inFlight) => delivering(culprits, inFlight))),
  ...[dying(true), dying(false), retrying, evicting],
]

for (const scenario of scenarios) {
  test(`a crash at any call loses nothing and stores nothing twice, ${scenario.name}`, (t) =>
    crashEverywhere(t, scenario, aLog))
}
