import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as z from 'zod'
import type { RequestRecord } from '../../record/fields.ts'
import { aRecord } from '../../record/sample.ts'
import { aBlock, again, nextBlock, openDelivery, type SinkHarness } from './delivery.ts'

export type { SinkHarness, SinkPlace, StoredRecord } from './delivery.ts'

/** What every sink must do. Each sink's test calls this once with a harness on a real backend. */
export function sinkContract(name: string, harness: SinkHarness): void {
  const { definition } = harness
  const storesRepeatsOnce = definition.idempotency !== 'none'
  const maxRecords = harness.maxRecords ?? definition.block.maxRecords

  describe(`${name} keeps the contract of a sink`, () => {
    test('a block whose write resolved is in the backend', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const records = someRecords(3)
      await delivery.deliver(aBlock(records))
      await delivery.holds(records)
    })

    test('a block of one record is stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const records = someRecords(1)
      await delivery.deliver(aBlock(records))
      await delivery.holds(records)
    })

    test('the largest block is stored whole', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const records = someRecords(maxRecords)
      await delivery.deliver(aBlock(records))
      await delivery.holds(records)
    })

    test('a block of one more record than the sink advises is stored whole', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const records = someRecords(maxRecords + 1)
      await delivery.deliver(aBlock(records))
      await delivery.holds(records)
    })

    test('a block without records changes nothing, and the next one is stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const nothing = aBlock([])
      await delivery.deliver(nothing)
      await delivery.deliver(again(nothing))
      const block = nextBlock(nothing, someRecords(2))
      await delivery.deliver(block)
      await delivery.holds(block.records)
    })

    test('two blocks are both stored, also when their records are alike', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const first = aBlock([aRecord({ ts: 1_700_000_000_000_000 })])
      const second = nextBlock(first, [aRecord({ ts: 1_700_000_000_000_000 })])
      await delivery.deliver(first)
      await delivery.deliver(second)
      await delivery.holds([...first.records, ...second.records])
    })

    test('blocks of two shards are both stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const one = aBlock(someRecords(2), { shard: '0' })
      const other = aBlock(someRecords(2), { shard: '1' })
      await delivery.deliver(one)
      await delivery.deliver(other)
      await delivery.holds([...one.records, ...other.records])
    })

    test('as many blocks at once as the sink allows are all stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const blocks = [aBlock(someRecords(4))]
      while (blocks.length < definition.inFlight) blocks.push(nextBlock(blocks.at(-1)!, someRecords(4))) // never empty
      await Promise.all(blocks.map((block) => delivery.deliver(block)))
      await delivery.holds(blocks.flatMap(({ records }) => records))
    })

    const once = storesRepeatsOnce ? 'is stored once' : 'is stored at least once'

    test(`a block that is sent twice ${once}`, async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const block = aBlock(someRecords(5))
      await delivery.write(block)
      await delivery.deliver(again(block))
      await delivery.holds(block.records)
    })

    test(`a block that is sent again by the next process ${once}`, async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const settled = aBlock(someRecords(5))
      await delivery.deliver(settled)
      const inFlight = nextBlock(settled, someRecords(5))
      await delivery.write(inFlight)
      await delivery.restart()
      await delivery.deliver(again(inFlight))
      await delivery.holds([...settled.records, ...inFlight.records])
    })

    test('the next process goes on where the last one settled', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const first = aBlock(someRecords(5))
      await delivery.deliver(first)
      await delivery.restart()
      const second = nextBlock(first, someRecords(5))
      await delivery.deliver(second)
      await delivery.holds([...first.records, ...second.records])
    })

    test('the halves of a block that was split unsent are both stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const records = someRecords(5)
      const first = aBlock(records.slice(0, 2))
      await delivery.deliver(first)
      await delivery.deliver(nextBlock(first, records.slice(2)))
      await delivery.holds(records)
    })

    for (const [what, record] of Object.entries(oddRecords)) {
      test(`a record with ${what} is stored unchanged`, async (t) => {
        await using delivery = await openDelivery(harness, await harness.fresh(t))
        const records = [aRecord(), aRecord(record), aRecord()]
        await delivery.deliver(aBlock(records))
        await delivery.holds(records)
      })
    }

    test('a write whose signal is aborted already throws the reason and stores nothing', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const reason = new Error('the lease is lost')
      await assert.rejects(delivery.write(aBlock(someRecords(3)), AbortSignal.abort(reason)), reason)
      await delivery.restart()
      await delivery.holds([])
    })

    test('a write that is aborted on its way throws the reason, or was done; sent again it is stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const block = aBlock(someRecords(20))
      const lease = new AbortController()
      const reason = new Error('the lease is lost')
      const writing = delivery.write(block, lease.signal)
      lease.abort(reason)
      await writing.catch((error: unknown) => assert.equal(error, reason))
      await delivery.restart()
      await delivery.deliver(again(block))
      await delivery.holds(block.records)
    })

    test('a sink may be closed twice', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const { sink } = delivery
      await sink[Symbol.asyncDispose]()
      await sink[Symbol.asyncDispose]()
    })

    test('a sink may be closed while it writes: the write ends, and sent again the block is stored', async (t) => {
      await using delivery = await openDelivery(harness, await harness.fresh(t))
      const block = aBlock(someRecords(20))
      const writing = delivery.write(block).then(
        () => 'done',
        (error: unknown) => error,
      )
      await delivery.restart()
      const end = await writing
      assert.ok(end === 'done' || end instanceof Error)
      await delivery.deliver(again(block))
      await delivery.holds(block.records)
    })

    test('an option that does not exist is refused by name', async (t) => {
      const { options } = await harness.fresh(t)
      const { error } = definition.options.safeParse({ ...options, capasity: 1 })
      assert.match(z.prettifyError(error!), /capasity/) // safeParse without an error would fail the match
    })

    test('every option is described', () => {
      assert.deepEqual(undescribed(z.toJSONSchema(definition.options, { io: 'input', unrepresentable: 'any' })), [])
    })

    test('the definition gives a summary and limits that a block can keep', () => {
      const { summary, block, inFlight } = definition
      assert.match(summary, /^[A-Z][^\n]+[^.\n]$/)
      for (const limit of [block.maxRecords, block.maxBytes, block.maxAgeMs, inFlight]) assert.ok(limit >= 1)
    })
  })
}

/** Records as a gateway would leave them: several endpoints, consumers and endings. */
export function someRecords(count: number): RequestRecord[] {
  return Array.from({ length: count }, (_, i) =>
    aRecord({
      route: `/orders/${i % 7}`,
      consumer: `consumer-${i % 5}`,
      status: i % 11 === 0 ? 503 : 200,
      totalUs: 1000 + i * 37,
      tags: i % 3 === 0 ? { team: 'a', 'x-trace': `${i}` } : {},
    }),
  )
}

const mib = 1024 * 1024
const endOf2099 = Date.UTC(2099, 11, 31, 23, 59, 59, 999) * 1000 + 999

/** What a client, a clock or a policy can put into a record. */
const oddRecords: Record<string, Partial<RequestRecord>> = {
  'letters of many scripts, quotes, line ends and a NUL': {
    path: '/größe/日本語/🙂/"quoted"/\\back\\slash/\'x\'',
    userAgent: 'tab\t line\nreturn\r nul\u0000 bell\u0007 \u2028 \ufeff',
    tags: { 'ключ с "кавычками"': 'čšž\n🙂', "it's": '' },
  },
  'the largest integers': {
    bytesIn: Number.MAX_SAFE_INTEGER,
    bytesOut: Number.MAX_SAFE_INTEGER,
    totalUs: Number.MAX_SAFE_INTEGER,
    upstreamUs: Number.MAX_SAFE_INTEGER - 1,
  },
  'zero in every number': { ts: 0, totalUs: 0, gatewayUs: 0, upstreamUs: 0, bytesIn: 0, bytesOut: 0, tries: 0 },
  'empty strings and no detail': {
    api: '',
    apiVersion: '',
    route: '',
    endpoint: '{unmatched}',
    host: '',
    consumer: '',
    team: '',
    keyId: '',
    plan: '',
    useCase: '',
    clientIp: '',
    userAgent: '',
    upstream: '',
    traceId: '',
    spanId: '',
    tags: {},
    detail: null,
  },
  'a detail': {
    detail: {
      requestHeaders: { accept: '*/*', 'x-ünï': '"' },
      requestBody: '{"a":"ä"}',
      responseHeaders: {},
      responseBody: '',
      truncated: ['responseBody'],
    },
  },
  'a body of 1 MiB': { detail: { responseBody: 'ä'.repeat(mib / 2) } },
  'a path of 64 KiB': { path: `/${'x'.repeat(64 * 1024)}` },
  'a fractional weight': { weight: 12.5 },
  'a start in 1970': { ts: 1_000_000 },
  'a start in 2099': { ts: endOf2099 },
}

interface JsonSchema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, unknown>>
}

function undescribed(schema: unknown, path = ''): string[] {
  const { properties = {} } = schema as JsonSchema // what z.toJSONSchema makes
  return Object.entries(properties).flatMap(([name, option]) => [
    ...((option as JsonSchema).description ? [] : [`${path}${name}`]), // as above
    ...undescribed(option, `${path}${name}.`),
  ])
}
