import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { createClient } from '@clickhouse/client'
import { Admin } from '@platformatic/kafka'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { type SharedServer, sharedServers } from './shared-servers.ts'

/** What the helpers below need of a test context. */
export interface TestLike {
  after(work: () => Promise<void>): void
}

const ours = new AsyncDisposableStack()
const urls = new Map<string, Promise<string>>()
after(() => ours.disposeAsync())

function addressOf({ variable, open }: SharedServer): Promise<string> {
  const url = urls.get(variable) ?? (process.env[variable] ? Promise.resolve(process.env[variable]) : start(open))
  urls.set(variable, url)
  return url
}

const start = async (open: SharedServer['open']) => ours.use(await open()).url

/** Address of an empty database in the shared Redis, for this test alone; it is emptied afterwards. INFO, CONFIG, FLUSHALL, FUNCTION and pub/sub are common to all. */
export async function redisUrl(t: TestLike): Promise<string> {
  const server = await addressOf(sharedServers.redis)
  await using opened = new AsyncDisposableStack()
  const client = opened.adopt(new Redis(server), (open) => open.disconnect())
  const database = await emptyDatabase(client)
  t.after(async () => {
    const cleaner = new Redis(server, { db: database })
    await cleaner.flushdb().finally(() => cleaner.disconnect())
  })
  return Object.assign(new URL(server), { pathname: `/${database}` }).href
}

async function emptyDatabase(client: Redis): Promise<number> {
  const [, databases] = (await client.config('GET', 'databases')) as [string, string]
  for (let tried = 0; tried < Number(databases); tried++) {
    await client.select(0)
    const database = 1 + ((await client.incr('penstock:test:database')) % (Number(databases) - 1))
    await client.select(database)
    if ((await client.dbsize()) === 0) return database
  }
  throw new Error(`None of the ${databases} databases of the shared Redis is empty.`)
}

/** Address of a database of its own in the shared MongoDB, dropped after the test. */
export async function mongoUrl(t: TestLike): Promise<string> {
  const url = Object.assign(new URL(await addressOf(sharedServers.mongo)), { pathname: `/${scratchName()}` }).href
  t.after(async () => {
    await using client = new MongoClient(url)
    await client.db().dropDatabase()
  })
  return url
}

/** Address of a database of its own in the shared ClickHouse, dropped after the test. */
export async function clickhouseUrl(t: TestLike): Promise<string> {
  const server = await addressOf(sharedServers.clickhouse)
  const database = scratchName()
  const run = async (query: string) => {
    await using client = createClient({ url: server })
    await client.command({ query })
  }
  await run(`CREATE DATABASE ${database}`)
  t.after(() => run(`DROP DATABASE ${database} SYNC`))
  return Object.assign(new URL(server), { pathname: `/${database}` }).href
}

/** Brokers of the shared Kafka, and a name that only this test's topics begin with; they are deleted when the file is done, since who still has them open would wait for them. */
export async function kafkaPlace(): Promise<{ brokers: string[]; prefix: string }> {
  const brokers = (await addressOf(sharedServers.kafka)).split(',')
  const prefix = scratchName()
  ours.defer(() => deleteTopics(brokers, prefix))
  return { brokers, prefix }
}

async function deleteTopics(brokers: string[], prefix: string): Promise<void> {
  const admin = new Admin({ clientId: 'penstock-test', bootstrapBrokers: brokers })
  try {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  } finally {
    await admin.close()
  }
}

/** A name that nothing else in the shared server has. */
const scratchName = () => `t_${randomBytes(6).toString('hex')}`
