import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kafkaPlace } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { openLog } from './kafka-log.ts'

const old = { owner: 'host/1', sinks: ['file'] }
const young = { owner: 'host/2', sinks: ['file', 'otlp'] }

test('owners see one another until they say that they end, or say nothing', async (t) => {
  const place = await kafkaPlace()
  const [one, two] = [await openLog(t, place), await openLog(t, place)]
  assert.deepEqual(await one.attend?.(old), [old])
  assert.deepEqual(new Set(await two.attend?.(young)), new Set([old, young]))
  assert.deepEqual(await two.attend?.({ owner: young.owner, sinks: [] }), [old])
  await until(async () => (await two.attend?.(young))?.length === 1, {
    what: 'the one that says nothing to be forgotten',
  })
  assert.deepEqual(new Set(await one.attend?.(old)), new Set([old, young]), 'who comes back is seen again')
  assert.deepEqual(
    (await one.inspect()).flatMap(({ ledgers }) => ledgers),
    [],
  )
})

test('many owners that attend at once all see all', async (t) => {
  const place = await kafkaPlace()
  const owners = Array.from({ length: 6 }, (_, i) => ({ owner: `o${i}`, sinks: ['file'] }))
  const logs = await Promise.all(owners.map(() => openLog(t, place)))
  await Promise.all(logs.map((log, i) => log.attend?.(owners[i]!)))
  for (const [i, log] of logs.entries()) assert.deepEqual(new Set(await log.attend?.(owners[i]!)), new Set(owners))
})
