import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'
import { DuckDBInstance } from '@duckdb/node-api'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { type Places, toClickHouse } from './config.ts'
import type { System } from './system.ts'

/** All that a system without a running pump holds, place by place, as text to search in. */
export async function everythingHeld({ places, redis, gateway, pump }: System) {
  const { dataDir, collector } = places
  return {
    clickhouse: await allInClickHouse(places),
    mongo: await allInMongo(places),
    otlp: JSON.stringify(await collector.received()),
    store: await allInStore(places),
    files: await bytesBelow(join(dataDir, 'files')),
    spool: await bytesBelow(join(dataDir, 'spool')),
    'all of the data folder': await bytesBelow(dataDir),
    redis: await allInRedis(redis.url),
    'the files of Redis': await bytesBelow(redis.folder),
    'the collector’s files': await bytesBelow(collector.folder),
    logs: `${gateway.output()}\n${pump.output()}`,
  }
}

async function allInClickHouse({ clickhouse }: Places): Promise<string> {
  await using client = createClient(toClickHouse(clickhouse))
  const read = async (query: string) => await (await client.query({ query, format: 'JSONEachRow' })).text()
  const names = (await read('SELECT name FROM system.tables WHERE database = currentDatabase()'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).name as string) // a column of text
  const tables = await Promise.all(names.map((name) => read(`SELECT * FROM \`${name}\``)))
  return unescaped(tables.join('\n'))
}

async function allInMongo({ mongo }: Places): Promise<string> {
  await using client = new MongoClient(mongo)
  const collections = await client.db().listCollections().toArray()
  const all = await Promise.all(collections.map(({ name }) => client.db().collection(name).find().toArray()))
  return unescaped(JSON.stringify(all))
}

/** Every Parquet file there is, listed or not: they are compressed, so their bytes show nothing. */
async function allInStore({ dataDir }: Places): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  try {
    const files = `read_parquet('${join(dataDir, 'store')}/**/*.parquet', union_by_name = true)`
    const rows = await connection.runAndReadAll(`SELECT to_json(r)::VARCHAR AS row FROM ${files} r`)
    return unescaped(JSON.stringify(rows.getRowObjectsJS()))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Every value of every key as bytes. */
async function allInRedis(url: string): Promise<string> {
  const client = new Redis(url)
  try {
    const parts: string[] = []
    for (const key of await client.keys('*')) {
      const replies = await readKey(client, key)
      parts.push(key, ...replies.flat(3).map((part) => part.toString('latin1')))
    }
    return unescaped(parts.join('\n'))
  } finally {
    client.disconnect()
  }
}

type Nested = Buffer | Nested[]

async function readKey(client: Redis, key: string): Promise<Buffer[]> {
  const commands: Record<string, [string, ...string[]]> = {
    string: ['GET', key],
    hash: ['HGETALL', key],
    list: ['LRANGE', key, '0', '-1'],
    set: ['SMEMBERS', key],
    zset: ['ZRANGE', key, '0', '-1'],
    stream: ['XRANGE', key, '-', '+'],
  }
  const type = await client.type(key)
  const [command, ...args] = commands[type] ?? []
  if (command === undefined) throw new Error(`${key} is of type ${type}, which is not read.`)
  return leaves((await client.callBuffer(command, ...args)) as Nested) // such replies are bytes, and lists of them
}

function leaves(reply: Nested): Buffer[] {
  return Array.isArray(reply) ? reply.flatMap(leaves) : [reply]
}

async function bytesBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')))
  return unescaped(texts.join('\n'))
}

/** With what JSON, however often nested, writes otherwise: as it is and without backslashes. */
function unescaped(text: string): string {
  return `${text}\n${text.replaceAll('\\', '')}`
}
