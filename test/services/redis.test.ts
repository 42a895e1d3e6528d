import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, Redis } from 'ioredis'
import { openRedis } from './redis.ts'
import { openRedisCluster } from './redis-cluster.ts'
import { redisUrl } from './shared.ts'
import { until } from './until.ts'

function connect(url: string, ca?: string) {
  const client = new Redis(url, { maxRetriesPerRequest: 1, ...(ca ? { tls: { ca } } : {}) })
  client.on('error', () => {}) // commands reject with the same
  return Object.assign(client, { [Symbol.dispose]: () => client.disconnect() })
}

test('each test has an empty database of the shared server', async (t) => {
  using first = connect(await redisUrl(t))
  using second = connect(await redisUrl(t))
  await first.set('a', 1)
  assert.equal(await second.dbsize(), 0)
})

test('lines of redis.conf are passed on', async () => {
  await using server = await openRedis({ config: { 'maxmemory-policy': 'allkeys-lru' } })
  using client = connect(server.url)
  assert.deepEqual(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'allkeys-lru'])
})

test('TLS and an ACL user are in the address', async () => {
  await using server = await openRedis({ tls: true, username: 'alice', password: 'p&ss word' })
  using client = connect(server.url, server.ca)
  assert.equal(await client.acl('WHOAMI'), 'alice')
  using stranger = connect(server.url.replace('alice', 'bob'), server.ca)
  await assert.rejects(stranger.ping())
})

test('a replica is in step when it is opened', async () => {
  await using main = await openRedis({ password: 'secret' })
  using client = connect(main.url)
  await client.set('a', 1)
  await using replica = await openRedis({ replicaOf: main })
  using reader = connect(replica.url)
  assert.equal(await reader.get('a'), '1')
  assert.equal(await client.wait(1, 1000), 1)
})

test('a paused server keeps its connections and answers nothing', async () => {
  await using server = await openRedis()
  using client = connect(server.url)
  await client.ping()
  server.pause()
  const answer = client.ping()
  using impatient = connect(server.url)
  impatient.options.commandTimeout = 100
  await assert.rejects(impatient.ping(), /timed out/)
  server.resume()
  assert.equal(await answer, 'PONG')
})

test('a cluster serves all slots from three masters', async () => {
  await using cluster = await openRedisCluster()
  const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
  await until(() => client.status === 'ready', { what: 'the client to know the cluster' })
  for (let slot = 0; slot < 30; slot++) await client.set(`{${slot}}`, slot)
  assert.equal(client.nodes('master').length, 3)
  client.disconnect()
})
