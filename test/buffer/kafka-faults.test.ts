import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ListOffsetTimestamps } from '@platformatic/kafka'
import { LogResetError, type StampedFrame } from '../../buffer/buffer.ts'
import { Cluster } from '../../buffer/kafka/cluster.ts'
import { kafkaOptions } from '../../buffer/kafka/options.ts'
import { Partition } from '../../buffer/kafka/partition.ts'
import { OvertakenError, Transactor } from '../../buffer/kafka/transactor.ts'
import { openKafka } from '../services/kafka.ts'
import { kafkaPlace } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { deliver, persist } from './delivering.ts'
import { openAdmin, openLog } from './kafka-log.ts'
import {
  afterDeath,
  aProducer,
  append,
  at,
  ledger,
  nothingElse,
  readAll,
  report,
  sealTo,
  take,
  textOf,
} from './scratch-log.ts'

test('a broker that is killed in mid-traffic and comes back has all that it acknowledged, and both ends go on', async (t) => {
  await using server = await openKafka()
  const log = await openLog(t, { brokers: [server.url], requestTimeoutMs: 2000 })
  const frames = aProducer().frames(...Array<number>(200).fill(2))
  let appended = 0
  const writing = (async (rest: readonly StampedFrame[]) => {
    for (const frame of rest) {
      await persist(() => append(log, [frame]))
      appended++
    }
  })(frames)
  const delivering = deliver(log, 400)
  for (const after of [40, 120]) {
    await until(() => appended >= after, { what: `${after} frames to be appended`, timeoutMs: 60_000 })
    await server.kill()
    await server.restart()
  }
  await writing
  const sent = await delivering
  assert.deepEqual([...sent.values()].flat(), frames.map(textOf))
  assert.deepEqual((await readAll(await take(log, { sink: 'b' }))).map(textOf), frames.map(textOf))
  const { delivered, backlog } = await ledger(log)
  assert.deepEqual({ delivered, backlog }, { delivered: 400, backlog: 0 })
  assert.deepEqual((await report(log)).producers, [
    { producer: 'p1', boot: 1, nextSeq: 200, appended: 400, skipped: 0 },
  ])
})

/** A transactional id of a test's own, which is asked for twice. */
async function twoHolders(t: TestContext) {
  const { brokers, prefix } = await kafkaPlace()
  await openLog(t, { brokers, prefix })
  const options = kafkaOptions.parse({ brokers, prefix })
  const cluster = new Cluster(options)
  t.after(() => cluster[Symbol.asyncDispose]())
  const [first, second] = [new Transactor(cluster, prefix, options), new Transactor(cluster, prefix, options)]
  const topic = `${prefix}.log`
  const message = (text: string) => {
    return { topic, partition: 0, key: Buffer.from('key'), value: Buffer.from(text), headers: {} }
  }
  const stored = async () => {
    const { batches, abortedTransactions } = await new Partition(cluster, topic, 0).fetch(0, 1_000_000, 'committed')
    assert.deepEqual(abortedTransactions, [])
    return batches.flatMap(({ messages }) => messages.map(({ value }) => `${value}`))
  }
  return { first, second, message, stored }
}

test('who had a transactional id before cannot commit any more, and leaves nothing', async (t) => {
  const { first, second, message, stored } = await twoHolders(t)
  await first.hold()
  await first.commit([message('of the first')])
  await second.hold()
  await assert.rejects(first.commit([message('too late')]), OvertakenError)
  assert.equal(first.isHeld, false)
  await second.commit([message('of the second')])
  await until(async () => (await stored()).length === 2)
  assert.deepEqual(await stored(), ['of the first', 'of the second'])
})

test('a commit to the sink’s consumer group, which Kafka takes from anybody, changes nothing', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const log = await openLog(t, { brokers, prefix })
  const admin = openAdmin(t, brokers)
  const [group, topic] = [`${prefix}.a`, `${prefix}.log`]
  const shown = async () => {
    const [found] = await admin.listConsumerGroupOffsets({ groups: [group] })
    return found?.topics[0]?.partitions[0]?.committedOffset
  }
  await append(log, aProducer().frames(2, 2, 2))
  const reader = await take(log)
  await reader.settle(await sealTo(reader, at(0), at(4)), { delivered: 4, ...nothingElse })
  await until(async () => (await shown()) === 2n, { what: 'tools to see the first message that is not settled' })
  await admin.alterConsumerGroupOffsets({
    groupId: group,
    topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 0n }] }],
  })
  assert.equal(await shown(), 0n)
  const next = await take(await openLog(t, { brokers, prefix }))
  assert.deepEqual(next.cursor, at(4))
  await next.settle(await sealTo(next, at(4), at(6)), { delivered: 2, ...nothingElse })
  await until(async () => Number(await shown()) >= 3, { what: 'tools to see where the sink really is' })
})

test('only what every sink has passed is deleted, and in Kafka too', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const log = await openLog(t, { brokers, prefix })
  const admin = openAdmin(t, brokers)
  const held = async () => {
    const partitions = [{ partitionIndex: 0, timestamp: ListOffsetTimestamps.EARLIEST }]
    const [topic] = await admin.listOffsets({ topics: [{ name: `${prefix}.log`, partitions }] })
    return topic?.partitions[0]?.offset
  }
  await append(log, aProducer().frames(2, 2, 2))
  const [fast, slow] = [await take(log), await take(log, { sink: 'slow' })]
  await fast.settle(await sealTo(fast, at(0), at(6)), { delivered: 6, ...nothingElse })
  assert.equal(await log.trim(), 0)
  assert.equal(await held(), 0n)
  await slow.settle(await sealTo(slow, at(0), at(2, 1)), { delivered: 3, ...nothingElse })
  assert.equal(await log.trim(), 1)
  assert.equal(await held(), 1n)
  assert.equal((await readAll(slow, at(2, 1))).length, 2)
})

test('a position that is gone halts its sink; a new one begins behind what is gone', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const log = await openLog(t, { brokers, prefix })
  await append(log, aProducer().frames(2, 2, 2))
  const reader = await take(log)
  const admin = openAdmin(t, brokers)
  await admin.deleteRecords({ topics: [{ name: `${prefix}.log`, partitions: [{ partition: 0, offset: 1n }] }] })
  await assert.rejects(reader.read(at(0), { maxBytes: 1000 }), LogResetError)
  const again = await take(await openLog(t, { brokers, prefix }))
  await assert.rejects(again.read(again.cursor, { maxBytes: 1000 }), LogResetError)
  assert.deepEqual(again.cursor, at(0), 'nobody moves it but the operator')
})

test('topics that are made anew are another log, and nobody goes on in it by itself', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const input = { brokers, prefix, requestTimeoutMs: 1000 }
  const log = await openLog(t, input)
  await append(log, aProducer().frames(2))
  const reader = await take(log)
  const admin = openAdmin(t, brokers)
  const topics = ['log', 'producers', 'state', 'dead'].map((name) => `${prefix}.${name}`)
  await admin.deleteTopics({ topics })
  await until(() =>
    reader.read(at(0), { maxBytes: 1000 }).then(
      () => false,
      (error) => error instanceof LogResetError,
    ),
  )
  const anew = await openLog(t, input)
  assert.notEqual(anew.incarnation, log.incarnation)
  await assert.rejects(reader.read(at(0), { maxBytes: 1000 }), LogResetError)
  await assert.rejects(log.inspect(), LogResetError)
  await assert.rejects(append(log, aProducer({ boot: 2 }).frames(2)), LogResetError)
  assert.deepEqual((await report(anew)).cumulative, 0)
})

test('what a process that died had begun to append is never seen, and holds up readers only until it is ended', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const input = { brokers, prefix, transactionTimeoutMs: 2000, requestTimeoutMs: 1000 }
  const log = await openLog(t, input)
  await append(log, aProducer().frames(2))
  const options = kafkaOptions.parse(input)
  const cluster = new Cluster(options)
  t.after(() => cluster[Symbol.asyncDispose]())
  const dead = new Transactor(cluster, `${prefix}.dead`, options)
  await dead.hold()
  const message = { topic: `${prefix}.log`, partition: 0, key: Buffer.from('k'), value: Buffer.from('dead') }
  const endless = { ...message, topic: `${prefix}.none` } // there is no such topic, so the transaction is never ended
  await assert.rejects(
    dead.commit([
      { ...message, headers: { count: '1' } },
      { ...endless, headers: {} },
    ]),
  )
  await append(log, aProducer({ producer: 'p2' }).frames(3))
  const reader = await take(log)
  await until(async () => (await readAll(reader)).length === 2, {
    what: 'the transaction to be ended',
    timeoutMs: 20_000,
  })
  assert.deepEqual((await readAll(reader)).map(textOf), ['p1/1/0', 'p2/1/0'])
})

test('sealed blocks go with the sink to another process, whoever of them is slow to notice', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const [one, other] = [await openLog(t, { brokers, prefix }), await openLog(t, { brokers, prefix })]
  await append(one, aProducer().frames(2, 2, 2))
  const first = await take(one, { owner: 'o1' })
  const seals = [await sealTo(first, at(0), at(2)), await sealTo(first, at(2), at(4))]
  const second = await take(other, { owner: 'o1' })
  assert.deepEqual(
    second.seals,
    seals.flatMap((seal) => afterDeath(seal)),
  )
  const late = first.settle(seals[0]!, { delivered: 99, ...nothingElse })
  const timely = second.settle(second.seals[0]!, { delivered: 2, ...nothingElse })
  await Promise.all([assert.rejects(late, { name: 'FencedError' }), timely])
  await second.settle(second.seals[1]!, { delivered: 2, ...nothingElse })
  const { delivered, backlog } = await ledger(one)
  assert.deepEqual({ delivered, backlog }, { delivered: 4, backlog: 2 })
})
