import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { HaltError, RejectedError, RetryableError } from '../../sinks/sink.ts'
import { sinkContract, someRecords } from './contract.ts'
import { aBlock, again, nextBlock, openDelivery } from './delivery.ts'
import { sinkFailureContract } from './failure-contract.ts'
import { freshCollector, otlpHarness, toLogRecords, toObject } from './otlp-place.ts'

sinkContract('otlp', otlpHarness)

sinkFailureContract('otlp', {
  ...otlpHarness,
  port: ({ options }) => Number(new URL(String(options.url)).port),
  through: ({ options }, port) => ({ ...options, url: `http://127.0.0.1:${port}` }),
  impatient: { timeoutMs: 500 },
  http: {
    'a 401': HaltError,
    'a 403': HaltError,
    'a 404': HaltError,
    'a 413': RejectedError,
    'a 429 with Retry-After': RetryableError,
    'a 500': RetryableError,
    'a 502': RetryableError,
    'a 503 with Retry-After': RetryableError,
    'a 504': RetryableError,
    'a 200 from somebody else': HaltError,
  },
})

test('a request becomes a log record by the semantic conventions', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place)
  const record = aRecord({
    ts: 1_763_712_345_678_901,
    gateway: 'gw-7',
    region: 'eu-1',
    status: 503,
    totalUs: 12_345,
    tags: { team: 'a' },
  })
  await delivery.deliver(aBlock([record], { appendedAtMs: 1_763_712_345_700 }))
  const [log] = toLogRecords(await place.collector.received())
  assert.ok(log)
  assert.equal(log.timeUnixNano, '1763712345678901000')
  assert.equal(log.observedTimeUnixNano, '1763712345700000000')
  assert.deepEqual([log.severityNumber, log.severityText], [17, 'ERROR'])
  assert.equal(log.body.stringValue, 'GET /orders/{id} ended as upstream_error with 503 after 12.345 ms.')
  assert.equal(log.eventName, 'penstock.request')
  assert.equal(log.traceId, record.traceId)
  assert.equal(log.spanId, record.spanId)
  const { 'service.name': service, 'service.instance.id': instance, 'cloud.region': region } = toObject(log.resource)
  assert.deepEqual([service, instance, region], ['penstock', 'gw-7', 'eu-1'])
  const attributes = toObject(log.attributes)
  assert.equal(attributes['http.request.method'], 'GET')
  assert.equal(attributes['http.response.status_code'], 503)
  assert.equal(attributes['http.route'], '/orders/{id}')
  assert.equal(attributes['error.type'], 'upstream_error')
  assert.equal(attributes['penstock.tags.team'], 'a')
})

test('our failures are errors, the client’s are warnings, and a client that left is neither', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place)
  await delivery.deliver(
    aBlock([
      aRecord(),
      aRecord({ status: 404 }),
      aRecord({ status: 429, outcome: 'rate_limited' }),
      aRecord({ status: 499, outcome: 'client_aborted' }),
      aRecord({ status: 504, outcome: 'upstream_timeout' }),
    ]),
  )
  const logs = toLogRecords(await place.collector.received())
  assert.deepEqual(
    logs.map(({ severityText }) => severityText),
    ['INFO', 'WARN', 'WARN', 'INFO', 'ERROR'],
  )
})

test('a trace id that is none is left out, and the record is sent', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place)
  const ids = [
    { traceId: 'nonsense', spanId: '00f067aa0ba902b7' },
    { traceId: '0'.repeat(32), spanId: '00f067aa0ba902b7' },
  ]
  await delivery.deliver(aBlock(ids.map((given) => aRecord(given))))
  const logs = toLogRecords(await place.collector.received())
  assert.deepEqual(
    logs.map(({ traceId, spanId }) => [traceId, spanId]),
    ids.map(() => [undefined, undefined]),
  )
})

test('attributes of the resource come from the config, also in place of ours', async (t) => {
  const place = await freshCollector(t)
  const resource = { 'deployment.environment.name': 'staging', 'service.name': 'edge' }
  await using delivery = await openDelivery(otlpHarness, place, { resource })
  await delivery.deliver(aBlock([aRecord({ gateway: 'gw-1', region: '' })]))
  const [log] = toLogRecords(await place.collector.received())
  assert.deepEqual(toObject(log?.resource ?? []), { ...resource, 'service.instance.id': 'gw-1' })
})

test('a request holds no more records and bytes than the config says, but for a record that is larger alone', async (t) => {
  const place = await freshCollector(t)
  const limits = { metrics: false, requestRecords: 4, requestBytes: 20_000 }
  await using delivery = await openDelivery(otlpHarness, place, limits)
  const large = (bytes: number) => aRecord({ detail: { requestBody: 'x'.repeat(bytes) } })
  const records = [...someRecords(5), large(8_000), large(8_000), large(8_000), large(30_000), aRecord()]
  await delivery.deliver(aBlock(records))
  await delivery.holds(records)
  const requests = (await place.collector.received()).map((one) => toLogRecords([one]).length)
  assert.deepEqual(requests, [4, 2, 2, 1, 1])
})

test('a signal may have an address of its own', async (t) => {
  const place = await freshCollector(t)
  const endpoints = { logs: `${place.options.url}/v1/logs` }
  await using delivery = await openDelivery(otlpHarness, place, {
    url: 'http://127.0.0.1:9',
    endpoints,
    metrics: false,
  })
  const records = someRecords(2)
  await delivery.deliver(aBlock(records))
  await delivery.holds(records)
})

test('what was taken is not sent again with the same block, neither by a repeat nor in its parts', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place)
  const block = aBlock(someRecords(10))
  await delivery.write(block)
  const before = (await place.collector.received()).length
  await delivery.write(again(block))
  await delivery.write(aBlock(block.records.slice(0, 5)))
  await delivery.write(aBlock(block.records.slice(5), { seq: 5 }))
  assert.equal((await place.collector.received()).length, before)
})

test('a record that comes again after its block was settled, as a retried dead letter does, is sent', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, { metrics: false })
  const block = aBlock(someRecords(3))
  await delivery.deliver(block)
  await delivery.deliver(nextBlock(block, block.records))
  assert.equal(toLogRecords(await place.collector.received()).length, 6)
})

test('without compression the receiver gets the same', async (t) => {
  const place = await freshCollector(t)
  await using delivery = await openDelivery(otlpHarness, place, { compression: 'none' })
  const records = someRecords(5)
  await delivery.deliver(aBlock(records))
  await delivery.holds(records)
})

for (const [what, options] of Object.entries({
  'a url with a password': { url: 'http://penstock:sesame-open@localhost:4318' },
  'a header that breaks the line': { headers: { 'x-api-key': 'sesame-open\r\nx: y' } },
  'no signal': { logs: false, metrics: false },
}))
  test(`${what} is refused, without telling the secret`, () => {
    const { error } = otlpHarness.definition.options.safeParse(options)
    assert.ok(error)
    assert.doesNotMatch(error.message, /sesame-open/)
  })
