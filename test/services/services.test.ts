import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { createClient } from '@clickhouse/client'
import { Admin } from '@platformatic/kafka'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { openClickHouse } from './clickhouse.ts'
import { openCollector } from './collector.ts'
import { openKafka } from './kafka.ts'
import { openMongo } from './mongo.ts'
import { isListening } from './port.ts'
import { openPrometheus } from './prometheus.ts'
import { openRedis } from './redis.ts'
import type { Server } from './server.ts'
import { until } from './until.ts'

/** A server and what its usual client stores in it and reads back. */
interface Subject {
  server: Server
  store(): Promise<unknown>
  read(): Promise<unknown>
}

const subjects: Record<string, () => Promise<Subject>> = {
  async redis() {
    const server = await openRedis()
    const run = async <T>(work: (client: Redis) => Promise<T>) => {
      const client = new Redis(server.url)
      return await work(client).finally(() => client.disconnect())
    }
    return { server, store: () => run((client) => client.set('a', 1)), read: () => run((client) => client.get('a')) }
  },

  async mongo() {
    const server = await openMongo()
    const run = async <T>(work: (client: MongoClient) => Promise<T>) => {
      await using client = new MongoClient(server.url)
      return await work(client)
    }
    return {
      server,
      store: () => run((client) => client.db('test').collection('things').insertOne({ a: 1 })),
      read: () => run((client) => client.db('test').collection('things').countDocuments({ a: 1 })),
    }
  },

  async clickhouse() {
    const server = await openClickHouse()
    return {
      server,
      async store() {
        await using client = createClient({ url: server.url })
        await client.command({ query: 'CREATE TABLE things (a UInt8) ENGINE = MergeTree ORDER BY a' })
        await client.insert({ table: 'things', values: [{ a: 1 }], format: 'JSONEachRow' })
      },
      async read() {
        await using client = createClient({ url: server.url })
        return await (await client.query({ query: 'SELECT * FROM things', format: 'JSONEachRow' })).json()
      },
    }
  },

  async kafka() {
    const server = await openKafka()
    const run = async <T>(work: (admin: Admin) => Promise<T>) => {
      const admin = new Admin({ clientId: 'penstock-test', bootstrapBrokers: [server.url] })
      return await work(admin).finally(() => admin.close())
    }
    return {
      server,
      store: () => run((admin) => admin.createTopics({ topics: ['things'], partitions: 3, replicas: 1 })),
      read: () => run((admin) => admin.listTopics()),
    }
  },

  async collector() {
    const server = await openCollector()
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'a' } }] }] }] })
    const headers = { 'content-type': 'application/json' }
    return {
      server,
      store: () => fetch(`${server.url}/v1/logs`, { method: 'POST', headers, body }),
      read: server.received,
    }
  },

  async prometheus() {
    const rule = { record: 'a', expr: 'vector(1)' }
    const server = await openPrometheus({
      config: { rule_files: ['rules.yml'] },
      files: { 'rules.yml': JSON.stringify({ groups: [{ name: 'test', interval: '100ms', rules: [rule] }] }) },
    })
    let stored: number | undefined
    return {
      server,
      async store() {
        const [sample] = await until(async () => {
          const found = await server.query('a')
          return found.length > 0 && found
        })
        stored = sample?.atSeconds
      },
      read: () => server.query('a', stored),
    }
  },
}

for (const [name, open] of Object.entries(subjects)) {
  describe(name, () => {
    for (const end of ['stop', 'kill'] as const) {
      test(`keeps its data over ${end} and restart`, async () => {
        const { server, store, read } = await open()
        await using _ = server
        await store()
        const before = await read()
        await server[end]()
        assert.equal(await isListening(server.port), false)
        await server.restart()
        assert.deepEqual(await read(), before)
      })
    }

    test('leaves neither a process nor a folder behind', async () => {
      const { server } = await open()
      await server[Symbol.asyncDispose]()
      assert.equal(await isListening(server.port), false)
      assert.equal(existsSync(server.folder), false)
    })
  })
}
