import { test } from 'node:test'
import { crashEverywhere } from '../pump/crash.ts'
import { delivering, dying, evicting } from '../pump/crash-scenarios.ts'
import { redisLogs } from '../pump/log.ts'
import { redisUrl } from '../services/shared.ts'

for (const scenario of [delivering(0, 1), delivering(2, 3), dying(true), dying(false), evicting]) {
  test(`on Redis, a crash at any call loses nothing and stores nothing twice, ${scenario.name}`, async (t) => {
    await crashEverywhere(t, scenario, redisLogs(await redisUrl(t)))
  })
}
