import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { openLog } from './redis-log.ts'

test('owners see one another until they say that they end, or say nothing', async (t) => {
  const place = { urls: [await redisUrl(t)], prefix: 'attend' }
  const [one, two] = [await openLog(t, place), await openLog(t, place)]
  const [old, young] = [
    { owner: 'old', sinks: ['file'] },
    { owner: 'young', sinks: ['file', 'otlp'] },
  ]
  assert.deepEqual(await one.attend?.(old), [old])
  assert.deepEqual(new Set(await two.attend?.(young)), new Set([old, young]))
  assert.deepEqual(await two.attend?.({ owner: 'young', sinks: [] }), [old])
  await until(async () => (await two.attend?.(young))?.length === 1, {
    what: 'the one that says nothing to be forgotten',
  })
  assert.deepEqual(await one.inspect().then((reports) => reports.flatMap(({ ledgers }) => ledgers)), [])
})
