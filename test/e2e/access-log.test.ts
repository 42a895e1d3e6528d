import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAccessLog, replay } from '../../cli/replay.ts'
import { type CollectedPoint, collectedSums } from './collected.ts'
import { caller } from './config.ts'
import { holders } from './held.ts'
import type { Held } from './held-record.ts'
import { assertConserved, assertSums } from './judge.ts'
import { accessLogFile, callKey, endpointOf, readLoggedCalls, sentBytes } from './logged-calls.ts'
import { openSystem, type System, withLogs } from './system.ts'
import { assertSameTally, tally } from './tally.ts'

const calls = readLoggedCalls()

test('a replayed access log is in every sink as it stands in the file, to the unit', async (t) => {
  await using system = await openSystem(t, { rawDocuments: calls.length, otlpBlockRecords: 1000 })
  await withLogs(system, async () => {
    await replayAll(system)
    assert.equal(system.upstream.asked, calls.length, 'requests that reached the upstream: none is made twice')
    await system.drain()
    await assertConserved(system, calls.length)
    await assertSums(system, calls)
    await assertOtlpSums(system)
    await system.pump.stop()
    for (const [sink, held] of Object.entries(holders)) assertHolds(sink, await held(system.places))
  })
})

async function replayAll({ gatewayUrl, key }: System): Promise<void> {
  const entries = readAccessLog(accessLogFile, (line) => assert.fail(`line ${line} was not understood`))
  const options = { target: gatewayUrl, key, concurrency: 32, signal: AbortSignal.timeout(60_000) }
  const { failed, statuses } = await replay(entries, options)
  assert.equal(failed, 0)
  const answered = new Map(statuses.entries().map(([status, count]) => [`${status}`, count]))
  const logged = tally(calls, ({ status }) => `${status}`)
  assertSameTally(answered, logged, 'the replay')
}

async function assertOtlpSums({ places }: System): Promise<void> {
  const endpoint = ({ attributes }: CollectedPoint) => attributes.get('penstock.endpoint') ?? ''
  const value = (point: CollectedPoint) => point.value
  const requests = tally(await collectedSums(places, 'penstock.requests'), endpoint, value)
  assertSameTally(requests, tally(calls, endpointOf), 'the collector, in requests,')
  const bytes = tally(await collectedSums(places, 'penstock.response.bytes'), endpoint, value)
  assertSameTally(bytes, tally(calls, endpointOf, sentBytes), 'the collector, in bytes,')
}

function assertHolds(sink: string, held: readonly Held[]): void {
  assertSameTally(tally(held, callKey), tally(calls, callKey), sink)
  assert.equal(new Set(held.map(({ id }) => id)).size, calls.length, `${sink}: each record has an id of its own`)
  assertSameTally(
    tally(held, callKey, ({ bytesOut }) => bytesOut),
    tally(calls, callKey, sentBytes),
    `${sink}, in bytes,`,
  )
  const byConsumer = tally(held, ({ consumer }) => consumer)
  assertSameTally(byConsumer, new Map([[caller.consumer, calls.length]]), `${sink}, by consumer,`)
}
