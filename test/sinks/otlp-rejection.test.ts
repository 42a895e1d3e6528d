import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestRecord } from '../../record/fields.ts'
import { aRecord } from '../../record/sample.ts'
import otlp from '../../sinks/otlp/otlp.ts'
import { type Block, HaltError, RejectedError, RetryableError } from '../../sinks/sink.ts'
import { someRecords } from './contract.ts'
import { aBlock, again, type Delivery, openDelivery } from './delivery.ts'
import { openReceiver, partially, type Receiver, refusal } from './otlp-receiver.ts'

const harness = (url: string) => ({
  definition: otlp,
  fresh: async () => ({ options: { url }, stored: async () => [] }),
})

const openTo = async ({ url }: Receiver, overrides: Record<string, unknown> = {}) =>
  openDelivery(harness(url), await harness(url).fresh(), overrides)

/** Delivers a block as the pump does: halves it while records are refused. Resolves to those that stay refused when alone. */
async function isolate(delivery: Delivery, block: Block): Promise<RequestRecord[]> {
  try {
    await delivery.deliver(block)
    return []
  } catch (error) {
    assert.ok(error instanceof RejectedError, String(error))
    if (block.records.length === 1) return [...block.records]
    const middle = block.records.length >> 1
    const left = { ...block, records: block.records.slice(0, middle), endSeq: block.seq + middle }
    const right = { ...block, records: block.records.slice(middle), seq: block.seq + middle }
    return [...(await isolate(delivery, left)), ...(await isolate(delivery, right))]
  }
}

const timesIn = ({ requests }: Receiver, path: string, { id }: RequestRecord) =>
  requests.filter((request) => request.path === path && request.body.includes(id)).length

for (const [what, refuse] of [
  ['takes a part of a request', { body: partially(1, 'unwanted') }],
  ['refuses a whole request', { status: 400, body: refusal(3, 'unwanted') }],
] as const)
  test(`where the receiver ${what}, the record at fault is found, and only its request's neighbours are sent again`, async (t) => {
    const records = someRecords(64)
    const poison = records[21]! // there are 64
    const receiver = await openReceiver(t, ({ path, body }) =>
      path === '/v1/logs' && body.includes(poison.id) ? refuse : {},
    )
    await using delivery = await openTo(receiver, { requestRecords: 16 })
    assert.deepEqual(await isolate(delivery, aBlock(records)), [poison])
    for (const record of records) if (record !== poison) assert.ok(timesIn(receiver, '/v1/logs', record) >= 1)
    for (const record of [...records.slice(0, 16), ...records.slice(32)])
      assert.equal(timesIn(receiver, '/v1/logs', record), 1)
    const sent = records.slice(16, 32).reduce((sum, record) => sum + timesIn(receiver, '/v1/logs', record), 0)
    const halvings = Math.log2(64)
    assert.ok(sent <= 16 * (1 + halvings), `${sent} log records were sent for the request of 16`)
  })

test('a whole and a partial refusal say what the receiver said', async (t) => {
  const message = `the value is too long: ${'x'.repeat(200)}`
  const receiver = await openReceiver(t, () => ({ status: 400, body: refusal(3, message) }))
  await using delivery = await openTo(receiver)
  await assert.rejects(delivery.write(aBlock(someRecords(2))), (error: unknown) => {
    assert.ok(error instanceof RejectedError)
    assert.match(error.message, /^The receiver refused the records with HTTP 400 \(the value is too long: x{200}\)\.$/)
    return true
  })
})

test('metrics that are refused as a whole halt the sink, and nothing is sent twice once they are taken', async (t) => {
  let broken = true
  const receiver = await openReceiver(t, ({ path }) =>
    broken && path === '/v1/metrics' ? { body: partially(100, 'no exponential histograms here') } : {},
  )
  await using delivery = await openTo(receiver)
  const block = aBlock([aRecord()])
  await assert.rejects(delivery.write(block), HaltError)
  broken = false
  await delivery.deliver(again(block))
  assert.deepEqual(
    receiver.requests.map(({ path }) => path),
    ['/v1/logs', '/v1/metrics', '/v1/metrics'],
  )
})

test('data points that are refused among others are told and not sent again', async (t) => {
  const receiver = await openReceiver(t, ({ path }) =>
    path === '/v1/metrics' ? { body: partially(1, 'too old') } : {},
  )
  const said: unknown[] = []
  const options = otlp.options.parse({ url: receiver.url })
  await using sink = await otlp.open(options, {
    name: 'otlp',
    log: (...line) => said.push(line),
    dataDir: '',
  })
  await sink.write(aBlock([aRecord()]), AbortSignal.timeout(10_000))
  assert.deepEqual(said, [
    [
      'error',
      'Receiver refused data points, which are lost.',
      { signal: 'metrics', items: 5, rejected: 1, message: 'too old' },
    ],
  ])
})

test('a warning of the receiver is logged, and the block is delivered', async (t) => {
  const receiver = await openReceiver(t, () => ({ body: partially(0, 'soon to be retired') }))
  const said: unknown[] = []
  const options = otlp.options.parse({ url: receiver.url, metrics: false })
  await using sink = await otlp.open(options, {
    name: 'otlp',
    log: (level) => said.push(level),
    dataDir: '',
  })
  await sink.write(aBlock([aRecord()]), AbortSignal.timeout(10_000))
  assert.deepEqual(said, ['warn'])
})

test('an answer in JSON is read as well', async (t) => {
  const json = { partialSuccess: { rejectedLogRecords: '2', errorMessage: 'unwanted' } }
  const receiver = await openReceiver(t, () => ({ type: 'application/json', body: JSON.stringify(json) }))
  await using delivery = await openTo(receiver)
  await assert.rejects(delivery.write(aBlock(someRecords(2))), /refused 2 of 2 logs: unwanted/)
})

test('an answer that is cut off or no protobuf halts the sink', async (t) => {
  const receiver = await openReceiver(t, () => ({ body: Buffer.from([0x0a, 0x7f, 0x08]) }))
  await using delivery = await openTo(receiver)
  await assert.rejects(delivery.write(aBlock(someRecords(2))), HaltError)
})

test('a block that fails in its second request is sent again from there', async (t) => {
  let failures = 1
  const receiver = await openReceiver(t, () =>
    receiver.requests.length === 2 && failures-- > 0 ? { status: 503 } : {},
  )
  await using delivery = await openTo(receiver, { requestRecords: 3, metrics: false })
  const records = someRecords(9)
  const block = aBlock(records)
  await assert.rejects(delivery.write(block), RetryableError)
  await delivery.deliver(again(block))
  const times = records.map((record) => timesIn(receiver, '/v1/logs', record))
  assert.deepEqual(times, [1, 1, 1, 2, 2, 2, 1, 1, 1])
})
