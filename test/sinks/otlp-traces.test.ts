import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import type { Received } from '../services/collector.ts'
import { aBlock, openDelivery } from './delivery.ts'
import { freshCollector, type KeyValue, otlpHarness, toObject } from './otlp-place.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly KeyValue[]
  readonly status?: { readonly code?: number }
}

interface ResourceSpans {
  readonly scopeSpans: readonly { readonly spans: readonly Span[] }[]
}

function spansIn(received: readonly Received[]): Span[] {
  return received
    .flatMap(({ request }) => (request.resourceSpans ?? []) as readonly ResourceSpans[]) // of the traces
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}

const onlyTraces = { logs: false, traces: true, metrics: false }
const server = 2
const errorCode = 2

test('a request becomes a server span under its own ids, from its start to its end', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyTraces)
  const record = aRecord({ ts: 1_763_712_345_678_901, totalUs: 1_000_100, status: 503 })
  await delivery.deliver(aBlock([record]))
  const [span] = spansIn(await place.collector.received())
  assert.ok(span)
  const { traceId, spanId, name, kind, startTimeUnixNano, endTimeUnixNano, status } = span
  assert.deepEqual([traceId, spanId], [record.traceId, record.spanId])
  assert.deepEqual([name, kind, status?.code], ['GET /orders/{id}', server, errorCode])
  assert.deepEqual([startTimeUnixNano, endTimeUnixNano], ['1763712345678901000', '1763712346679001000'])
  assert.equal(toObject(span.attributes)['http.response.status_code'], 503)
})

test('a client’s fault and a request without a route are spans that did not fail', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyTraces)
  await delivery.deliver(aBlock([aRecord({ status: 404, route: '', endpoint: '{unmatched}' })]))
  const [span] = spansIn(await place.collector.received())
  assert.equal(span?.name, 'GET')
  assert.equal(span.status?.code ?? 0, 0)
})

test('a record without ids has no span, and a block of such records is delivered without a request', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, onlyTraces)
  await delivery.deliver(aBlock([aRecord({ traceId: '', spanId: '' })]))
  assert.deepEqual(await place.collector.received(), [])
})
