import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCollector } from './collector.ts'

test('every signal is received in the order of arrival', async () => {
  await using collector = await openCollector()
  const requests = {
    logs: {
      resourceLogs: [{ resource: {}, scopeLogs: [{ scope: {}, logRecords: [{ body: { stringValue: 'a' } }] }] }],
    },
    metrics: {
      resourceMetrics: [
        {
          resource: {},
          scopeMetrics: [{ scope: {}, metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: '7' }] } }] }],
        },
      ],
    },
    traces: { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: {}, spans: [{ name: 's' }] }] }] },
  }
  for (const [signal, request] of Object.entries(requests)) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${collector.url}/v1/${signal}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(request),
    })
    assert.equal(answer.status, 200)
  }
  const received = await collector.received()
  assert.deepEqual(
    received.map(({ signal }) => signal),
    Object.keys(requests),
  )
  assert.match(JSON.stringify(received[0]?.request), /"stringValue":"a"/)
  assert.match(JSON.stringify(received[1]?.request), /"asInt":"7"/)
})

test('what is no OTLP is refused', async () => {
  await using collector = await openCollector()
  const headers = { 'content-type': 'application/x-protobuf' }
  const answer = await fetch(`${collector.url}/v1/logs`, { method: 'POST', headers, body: 'nonsense' })
  assert.equal(answer.status, 400)
  assert.deepEqual(await collector.received(), [])
})
