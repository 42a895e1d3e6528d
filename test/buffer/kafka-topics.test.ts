import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigResourceTypes } from '@platformatic/kafka'
import { BufferUnavailableError } from '../../buffer/buffer.ts'
import { ConfigError } from '../../runtime/check.ts'
import { openKafka } from '../services/kafka.ts'
import { freePort } from '../services/port.ts'
import { kafkaPlace } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { openAdmin, openLog } from './kafka-log.ts'
import { aProducer, append, at, nothingElse, report, sealTo, take } from './scratch-log.ts'

const names = (prefix: string) => ['log', 'producers', 'state', 'dead'].map((name) => `${prefix}.${name}`)

test('the topics are made so that nothing leaves the log by itself and the last value of a key stays', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const log = await openLog(t, { brokers, prefix, partitions: 3, replicationFactor: 1 })
  assert.deepEqual(log.shards, ['0', '1', '2'])
  const configs = await openAdmin(t, brokers).describeConfigs({
    resources: names(prefix).map((resourceName) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName })),
    includeSynonyms: false,
    includeDocumentation: false,
  })
  const settings = configs.map((config) => {
    const of = new Map(config.configs.map(({ name, value }) => [name, value]))
    return ['cleanup.policy', 'retention.ms', 'message.timestamp.type'].map((name) => of.get(name)).join(' ')
  })
  const week = `${7 * 24 * 3600 * 1000}`
  const table = `compact ${week} CreateTime`
  assert.deepEqual(settings, ['delete -1 LogAppendTime', table, table, table])
})

test('topics from which records would go by themselves are refused, with the command that mends them', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const admin = openAdmin(t, brokers)
  await admin.createTopics({ topics: names(prefix), partitions: 1, replicas: 1 })
  const alter = 'kafka-configs.sh --bootstrap-server .+ --alter --entity-type topics --entity-name'
  await assert.rejects(openLog(t, { brokers, prefix }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(
      error.message,
      /The topic \S+\.log in Kafka has retention\.ms=604800000, message\.timestamp\.type=CreateTime/,
    )
    assert.match(
      error.message,
      new RegExp(`${alter} ${prefix}\\.log --add-config retention\\.ms=-1,message\\.timestamp`),
    )
    assert.match(error.message, new RegExp(`${alter} ${prefix}\\.state --add-config cleanup\\.policy=compact`))
    return true
  })
})

test('where topics may not be made, the error says how; made so, they are taken', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const admin = openAdmin(t, brokers)
  const input = { brokers, prefix, partitions: 2, createTopics: false }
  const refused = await openLog(t, input).catch((error: unknown) => error)
  assert.ok(refused instanceof ConfigError)
  const commands = refused.message.split('\n').slice(1)
  assert.equal(commands.length, 4)
  for (const command of commands) {
    const [, topic = '', partitions] = /--create --topic (\S+) --partitions (\d+)/.exec(command) ?? []
    const configs = [...command.matchAll(/--config ([\w.]+)=(\S+)/g)].map(([, name = '', value = '']) => ({
      name,
      value,
    }))
    await admin.createTopics({ topics: [topic], partitions: Number(partitions), replicas: 1, configs })
  }
  assert.deepEqual((await openLog(t, input)).shards, ['0', '1'])
})

test('a log of which topics are gone is refused rather than begun anew beside the rest', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const log = await openLog(t, { brokers, prefix })
  await log[Symbol.asyncDispose]()
  const admin = openAdmin(t, brokers)
  await admin.deleteTopics({ topics: [`${prefix}.state`] })
  await until(async () => !(await admin.listTopics()).includes(`${prefix}.state`), { what: 'the brokers to know' })
  await assert.rejects(openLog(t, { brokers, prefix }), (error) => {
    return error instanceof ConfigError && error.message.includes(`${prefix}.state is gone`)
  })
})

test('processes that start together make the topics once', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const logs = await Promise.all([1, 2, 3].map(() => openLog(t, { brokers, prefix, partitions: 2 })))
  assert.equal(new Set(logs.map(({ incarnation }) => incarnation)).size, 1)
})

test('partitions can be added: a boot stays where it is, and its number is never less than the topics have', async (t) => {
  const { brokers, prefix } = await kafkaPlace()
  const producers = ['p1', 'p2', 'p3', 'p4'].map((producer) => aProducer({ producer }))
  const before = await openLog(t, { brokers, prefix, partitions: 1 })
  for (const producer of producers) await append(before, producer.frames(1))
  const after = await openLog(t, { brokers, prefix, partitions: 4 })
  for (const producer of producers) await append(after, producer.frames(1))
  assert.deepEqual(
    (await after.inspect()).map(({ cumulative }) => cumulative),
    [8, 0, 0, 0],
  )
  for (const { producer } of producers) await append(after, aProducer({ producer, boot: 2 }).frames(1))
  const spread = (await after.inspect()).filter(({ cumulative }) => cumulative > 0)
  assert.ok(spread.length > 1, 'new boots go to the new partitions too')
  assert.deepEqual((await openLog(t, { brokers, prefix, partitions: 2 })).shards, ['0', '1', '2', '3'])
})

test('a password over TLS is proved by PLAIN and by SCRAM; a wrong one is the operator’s matter', async (t) => {
  const user = { name: 'penstock', password: 'pw of the test' }
  await using server = await openKafka({ user, tls: true })
  const tls = { ca: server.ca! }
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-512'] as const) {
    const sasl = { mechanism, username: user.name, password: user.password }
    const log = await openLog(t, { brokers: [server.url], tls, sasl, prefix: mechanism })
    await append(log, aProducer().frames(2))
    const reader = await take(log)
    await reader.settle(await sealTo(reader, at(0), at(2)), { delivered: 2, ...nothingElse })
    assert.equal((await report(log)).ledgers[0]?.delivered, 2)
    await log[Symbol.asyncDispose]()
    const wrong = openLog(t, { brokers: [server.url], tls, sasl: { ...sasl, password: 'wrong' } })
    await assert.rejects(wrong, (error) => {
      return (
        error instanceof ConfigError &&
        /refuses this client/.test(error.message) &&
        !/pw of the test|wrong/.test(error.message)
      )
    })
  }
  const plain = openLog(t, { brokers: [server.url] })
  await assert.rejects(plain, (error) => error instanceof ConfigError && /requires TLS/.test(error.message))
  const untrusted = openLog(t, { brokers: [server.url], tls: {}, requestTimeoutMs: 500 })
  await assert.rejects(
    untrusted,
    (error) => error instanceof BufferUnavailableError && /self-signed/.test(error.message),
  )
})

test('where nobody answers, the log is not there now', async (t) => {
  const nobody = openLog(t, { brokers: [`127.0.0.1:${await freePort()}`], requestTimeoutMs: 500 })
  await assert.rejects(nobody, BufferUnavailableError)
})
