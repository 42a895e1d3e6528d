import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RequestRecord } from '../../record/fields.ts'
import { aRecord } from '../../record/sample.ts'
import { type Block, RetryableError } from '../../sinks/sink.ts'
import { aBlock, again, nextBlock, openDelivery } from './delivery.ts'
import { freshMongo, mongoHarness } from './mongo-place.ts'
import { type Break, openMongoRelay } from './mongo-relay.ts'
import { usageIn, usageOf } from './mongo-usage.ts'

const reading = new Set(['find', 'listCollections'])

/** Two blocks that share some usage documents, of several commands of each kind. */
function twoBlocks(): [Block, Block] {
  const records = Array.from({ length: 14 }, (_, i) => aRecord({ consumer: `consumer-${i % 5}`, totalUs: 1000 * i }))
  const first = aBlock(records.slice(0, 4))
  return [first, nextBlock(first, records.slice(4))]
}

async function openBreakable(t: TestContext) {
  const place = await freshMongo(t)
  const opened = new AsyncDisposableStack()
  t.after(() => opened.disposeAsync())
  const relay = opened.use(await openMongoRelay({ port: Number(new URL(place.options.url).port) }))
  const url = Object.assign(new URL(place.options.url), { port: relay.port })
  url.searchParams.set('minHeartbeatFrequencyMS', '1') // a driver that lost a connection looks again after half a second
  const delivery = opened.use(await openDelivery(mongoHarness, place, { url: url.href, chunkRecords: 3 }))
  const holds = async (records: readonly RequestRecord[]) => {
    await delivery.holds(records)
    assert.deepEqual(await usageIn(place.db), usageOf(records))
  }
  return { relay, delivery, holds }
}

/** Delivers the first block, and the second up to the break; a command that only reads, the driver repeats by itself. */
async function breakAt(t: TestContext, point: Break) {
  const place = await openBreakable(t)
  const [first, second] = twoBlocks()
  await place.delivery.deliver(first)
  place.relay.breakAt(point)
  const end = await place.delivery.write(second).catch((error: unknown) => error)
  const broken = place.relay.commands[point.at] ?? ''
  if (!reading.has(broken) || end !== undefined) assert.ok(end instanceof RetryableError, `${broken}: ${end}`)
  return { ...place, first, second }
}

async function everyBreak(t: TestContext): Promise<readonly Break[]> {
  const { relay, delivery } = await openBreakable(t)
  const [first, second] = twoBlocks()
  await delivery.deliver(first)
  relay.breakAt(undefined)
  await delivery.deliver(second)
  const { commands } = relay
  for (const name of ['listCollections', 'insert', 'find', 'update'])
    assert.ok(commands.includes(name), `${name} is one of the commands ${commands.join()}`)
  return commands.flatMap((_, at) => [
    { at, when: 'before' },
    { at, when: 'after' },
  ])
}

test('wherever a block breaks off, sent again it is stored and counted once', async (t) => {
  for (const point of await everyBreak(t))
    await t.test(`${point.when} command ${point.at}`, async (t) => {
      const { delivery, holds, first, second } = await breakAt(t, point)
      await delivery.restart()
      await delivery.deliver(again(second))
      await holds([...first.records, ...second.records])
    })
})

test('wherever a block breaks off, its parts are stored and counted once', async (t) => {
  for (const point of await everyBreak(t))
    await t.test(`${point.when} command ${point.at}`, async (t) => {
      const { delivery, holds, first, second } = await breakAt(t, point)
      const left = nextBlock(first, second.records.slice(0, 4))
      await delivery.deliver(again(left))
      await delivery.deliver(again(nextBlock(left, second.records.slice(4))))
      await holds([...first.records, ...second.records])
    })
})

test('wherever a block breaks off because the log is reset, the new log’s blocks are stored and counted once', async (t) => {
  for (const point of await everyBreak(t))
    await t.test(`${point.when} command ${point.at}`, async (t) => {
      const { delivery, holds, first, second } = await breakAt(t, point)
      const records = [...first.records, ...second.records]
      await delivery.deliver(aBlock(records, { incarnation: 'new' }))
      await holds(records)
    })
})
