import { test } from 'node:test'
import { redisUrl } from '../services/shared.ts'
import { crashEverywhere } from './crash.ts'
import { retrying } from './crash-scenarios.ts'
import { redisLogs } from './log.ts'

// The other scenarios take minutes, and are in the long tests.
test(`on Redis, a crash at any call loses nothing and stores nothing twice, ${retrying.name}`, async (t) => {
  await crashEverywhere(t, retrying, redisLogs(await redisUrl(t)))
})
