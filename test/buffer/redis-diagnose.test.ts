import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { diagnoseRedis } from '../../buffer/redis/diagnose.ts'
import { redisOptions } from '../../buffer/redis/options.ts'
import { freePort } from '../services/port.ts'
import { openRedis, type RedisOptions } from '../services/redis.ts'
import { openRedisCluster } from '../services/redis-cluster.ts'
import { redisUrl } from '../services/shared.ts'
import { openClient, openLog, type RedisInput } from './redis-log.ts'

async function aRedis(t: TestContext, options: RedisOptions) {
  const server = await openRedis(options)
  t.after(() => server[Symbol.asyncDispose]())
  return server
}

async function diagnose(input: RedisInput) {
  const { findings, isOpenable } = await diagnoseRedis(redisOptions.parse(input))
  const levels = Object.fromEntries(findings.map(({ what, level }) => [what, level]))
  const of = (what: string) => findings.find((one) => one.what === what)
  return { levels, of, isOpenable }
}

test('a Redis as the log needs it is fine, and an examination leaves no key there', async (t) => {
  const url = await redisUrl(t)
  const { levels, isOpenable } = await diagnose({ urls: [url] })
  assert.deepEqual(levels, {
    server: 'ok',
    'maxmemory-policy': 'ok',
    appendonly: 'ok',
    appendfsync: 'ok',
    memory: 'warning',
    clock: 'ok',
    rights: 'ok',
    log: 'ok',
  })
  assert.equal(isOpenable, false, 'there is no log yet')
  assert.equal(await openClient(t, url).dbsize(), 0)
})

test('a log that is there can be opened as it is, and one of other shards or a newer format cannot', async (t) => {
  const url = await redisUrl(t)
  const prefix = 'p'
  await openLog(t, { urls: [url], prefix, shards: 2 })
  assert.equal((await diagnose({ urls: [url], prefix, shards: 2 })).isOpenable, true)
  const grown = await diagnose({ urls: [url], prefix, shards: 3 })
  assert.deepEqual([grown.levels.log, grown.isOpenable], ['ok', false])
  const shrunk = await diagnose({ urls: [url], prefix, shards: 1 })
  assert.deepEqual([shrunk.levels.log, shrunk.isOpenable], ['error', false])
  await openClient(t, url).hset('{p:0}:meta', 'version', '99')
  assert.match((await diagnose({ urls: [url], prefix, shards: 2 })).of('log')?.found ?? '', /has format 99/)
})

test('a Redis that evicts, forgets or syncs never is told with the command that mends it', async (t) => {
  const { url } = await aRedis(t, { config: { 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' } })
  const { levels, of, isOpenable } = await diagnose({ urls: [url] })
  assert.deepEqual([levels['maxmemory-policy'], levels.appendonly, isOpenable], ['error', 'error', false])
  const policy = of('maxmemory-policy')
  assert.ok(policy?.level === 'error')
  assert.match(policy.advice, /CONFIG SET maxmemory-policy noeviction/)
  const put = await diagnose({ urls: [url], allowVolatile: true })
  assert.deepEqual([put.levels['maxmemory-policy'], put.levels.appendonly], ['warning', 'warning'])

  const client = openClient(t, url)
  await client.config('SET', 'appendonly', 'yes')
  await client.config('SET', 'appendfsync', 'no')
  assert.equal((await diagnose({ urls: [url] })).levels.appendfsync, 'warning')
})

test('memory is compared with its limit, and its limit with the log’s', async (t) => {
  const { url } = await aRedis(t, { config: { maxmemory: '64mb' } })
  assert.equal((await diagnose({ urls: [url] })).levels.memory, 'ok')
  const above = (await diagnose({ urls: [url], maxBytes: 64 * 1024 ** 2 })).of('memory')
  assert.ok(above?.level === 'warning')
  assert.match(above.advice, /^Set buffer\.maxBytes to at most 60397977/)
  const client = openClient(t, url)
  await client.set('beside', Buffer.alloc(8 * 1024 ** 2))
  await client.config('SET', 'maxmemory', '9mb')
  assert.equal((await diagnose({ urls: [url] })).levels.memory, 'error')
})

test('replicas that nobody waits for, or that are missing, are told; so is a replica in the place of the primary', async (t) => {
  const primary = await aRedis(t, {})
  assert.equal((await diagnose({ urls: [primary.url], waitReplicas: 1 })).levels.replicas, 'error')
  const replica = await aRedis(t, { replicaOf: primary })
  assert.equal((await diagnose({ urls: [primary.url] })).levels.replicas, 'warning')
  assert.equal((await diagnose({ urls: [primary.url], waitReplicas: 1 })).levels.replicas, 'ok')
  const { levels, isOpenable } = await diagnose({ urls: [replica.url] })
  assert.deepEqual([levels.role, isOpenable], ['error', false])
})

test('a Cluster is examined by all of its primaries', async (t) => {
  const cluster = await openRedisCluster()
  t.after(() => cluster[Symbol.asyncDispose]())
  const input = { urls: cluster.nodes.map(({ url }) => url), cluster: true, shards: 4, prefix: 'c' }
  assert.equal((await diagnose(input)).isOpenable, false)
  await openLog(t, input)
  const { levels, isOpenable } = await diagnose(input)
  assert.deepEqual([levels.server, levels.rights, levels.clock, levels.replicas], ['ok', 'ok', 'ok', 'warning'])
  assert.equal(isOpenable, true)
})

test('a user that lacks rights is told which it needs', async (t) => {
  const users = [
    'default on nopass ~* &* +@all',
    'reader on >secret ~{penstock:* &* +@read +@connection +info +time',
    'stranger on >secret ~other:* &* +@all',
  ]
  const { port } = await aRedis(t, { config: { user: users } })
  const as = (user: string, password = 'secret') =>
    diagnose({ urls: [`redis://${user}:${password}@127.0.0.1:${port}`] })
  for (const user of ['reader', 'stranger']) {
    const { of, isOpenable } = await as(user)
    const rights = of('rights')
    assert.ok(rights?.level === 'error', user)
    assert.match(rights.advice, /~\{penstock:\* and the commands \+@read \+@write/)
    assert.equal(isOpenable, false)
  }
  assert.equal((await as('reader')).levels.appendfsync, 'warning', 'it may not see the setting')
  const wrong = (await as('reader', 'wrong')).of('server')
  assert.ok(wrong?.level === 'error')
  assert.match(wrong.advice, /^Set buffer\.username and buffer\.password/)
})

test('a Redis that is away is an error that names it without its password', async () => {
  const port = await freePort()
  const { of } = await diagnose({ urls: [`redis://user:hush@127.0.0.1:${port}/3`] })
  const server = of('server')
  assert.ok(server?.level === 'error')
  assert.match(server.found, /ECONNREFUSED/)
  assert.match(server.advice, new RegExp(`Start the server at redis://127\\.0\\.0\\.1:${port}/3,`))
  assert.doesNotMatch(JSON.stringify(server), /hush/)
})
