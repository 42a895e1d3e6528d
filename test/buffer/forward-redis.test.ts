import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import type { Buffer as Log } from '../../buffer/buffer.ts'
import { openRecorder } from '../../buffer/recorder.ts'
import redisBuffer from '../../buffer/redis/definition.ts'
import type { SqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import { openRedis, type RedisServer } from '../services/redis.ts'
import { redisUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { forwardLedger, minutes, openForwarding, producersOf } from './forwarding.ts'
import { recordAndKill } from './recording.ts'
import { aBoot, append, type Boot, paths, pathsIn, spoolFolder } from './spooled.ts'

const optionsFor = (url: string) => redisBuffer.options.parse({ urls: [url], commandTimeoutMs: 500 })

function openLog(url: string): Promise<Log> {
  return redisBuffer.open(optionsFor(url), { dataDir: '/nowhere', log: noLog })
}

/** Appends frames of one record each until told otherwise; resolves to how many there were. */
async function appendUntil(local: SqliteBuffer, boot: Boot, done: () => boolean | Promise<boolean>): Promise<number> {
  let next = 0
  await until(async () => {
    await append(local, boot.frame(`/${next++}`))
    return await done()
  })
  return next
}

async function inShared(url: string): Promise<(string | undefined)[]> {
  await using log = await openLog(url)
  return await pathsIn(log)
}

test('while Redis is dead and comes back the spool drains into it, in order and once', async (t) => {
  await using setup = await openForwarding(t)
  await using redis = await openRedis()
  const { local } = setup
  const boot = aBoot()
  const forwarder = setup.start({ openRemote: () => openLog(redis.url) })
  const before = await appendUntil(local, boot, () => forwarder.tally.forwarded > 0)
  await redis.kill()
  for (let i = 0; i < 50; i++) await append(local, boot.frame(`/${before + i}`))
  await until(() => setup.lines.length > 0)
  await redis.restart()
  await until(async () => (await forwardLedger(local))?.backlog === 0)
  assert.deepEqual(await inShared(redis.url), paths(before + 50))
  assert.deepEqual(setup.lines, [
    ['warn', 'The shared buffer cannot be reached; records wait in the local one.'],
    ['info', 'The shared buffer takes records again.'],
  ])
})

test('a Redis that hangs is waited for', async (t) => {
  await using setup = await openForwarding(t)
  await using redis = await openRedis()
  const { local } = setup
  const boot = aBoot()
  const forwarder = setup.start({ openRemote: () => openLog(redis.url) })
  const before = await appendUntil(local, boot, () => forwarder.tally.forwarded > 0)
  await redis.pause()
  await append(local, boot.frame(`/${before}`))
  await until(() => setup.lines.length > 0)
  await redis.resume()
  await until(async () => (await forwardLedger(local))?.backlog === 0)
  assert.deepEqual(await inShared(redis.url), paths(before + 1))
})

test('a replica that was promoted without the tail gets it out of the spool', async (t) => {
  await using setup = await openForwarding(t)
  await using primary = await openRedis()
  await using replica = await openRedis({ replicaOf: primary })
  const { local } = setup
  const boot = aBoot()
  let current: RedisServer = primary
  const forwarder = setup.start({ openRemote: () => openLog(current.url) })
  const before = await appendUntil(local, boot, () => forwarder.tally.forwarded > 0)
  await until(async () => Number(await command(replica, 'DBSIZE')) > 0)
  await command(replica, 'REPLICAOF', 'NO', 'ONE')
  for (let i = 0; i < 20; i++) await append(local, boot.frame(`/${before + i}`))
  await until(() => forwarder.tally.forwarded === before + 20)
  await primary.kill()
  current = replica
  await append(local, boot.frame(`/${before + 20}`))
  await until(async () => (await inShared(replica.url)).length === before + 21)
  assert.deepEqual(await inShared(replica.url), paths(before + 21))
  assert.equal(forwarder.tally.skipped, 0)
})

test('after FLUSHALL what the spool keeps is there again, and what it no longer has is counted', async (t) => {
  await using setup = await openForwarding(t)
  const url = await redisUrl(t)
  const { lines } = setup
  const folder = await spoolFolder(t)
  const forgetful = await folder.open()
  const boot = aBoot()
  await append(forgetful, boot.frame(...paths(7, 'gone')))
  await setup
    .start({ local: forgetful, keepMs: minutes, openRemote: () => openLog(url) })
    .finish(AbortSignal.timeout(20_000))
  assert.equal(await forgetful.trim(), 1)
  await forgetful[Symbol.asyncDispose]()

  const local = await folder.open({ keepMs: minutes })
  const forwarder = setup.start({ local, openRemote: () => openLog(url) })
  await append(local, boot.frame('/0'), boot.frame('/1'))
  await until(() => forwarder.tally.forwarded === 2)
  await flush(url)
  await append(local, boot.frame('/2'))
  await until(async () => (await inShared(url)).length === 3)
  assert.deepEqual(await inShared(url), paths(3))
  await using log = await openLog(url)
  assert.deepEqual(await producersOf(log), [{ producer: boot.producer, boot: 1, nextSeq: 4, appended: 3, skipped: 7 }])
  await until(() => forwarder.tally.forwarded === 3)
  assert.equal(forwarder.tally.skipped, 7)
  assert.ok(lines.some(([level, line]) => level === 'error' && line.startsWith('The shared buffer was reset')))
  await forwarder[Symbol.asyncDispose]()
  await local[Symbol.asyncDispose]()
})

test('a recorder forwards into Redis from its thread', async (t) => {
  const url = await redisUrl(t)
  const folder = await spoolFolder(t)
  const recorder = await openRecorder({
    local: { dir: folder.dir, maxBytes: 1024 ** 3, reserveBytes: 0 },
    remote: { type: 'redis', options: optionsFor(url), dataDir: folder.dir },
    log: noLog,
  })
  for (const path of paths(3000)) recorder.record(aRecord({ path }))
  await recorder[Symbol.asyncDispose]()
  assert.deepEqual(await inShared(url), paths(3000))
  assert.equal(recorder.counts.forwarded, 3000)
})

test('what a killed process left in its spool is forwarded by the next one', async (t) => {
  const url = await redisUrl(t)
  const folder = await spoolFolder(t)
  const remote = { type: 'redis', options: optionsFor(url), dataDir: folder.dir } as const
  await recordAndKill(t, folder.dir, 5000, remote)
  const spooled = await (async () => {
    await using local = await folder.open({ keepMs: minutes })
    return await pathsIn(local)
  })()
  const local = { dir: folder.dir, maxBytes: 1024 ** 3, reserveBytes: 0 }
  await using recorder = await openRecorder({ local, remote, log: noLog })
  recorder.record(aRecord({ path: '/next' }))
  await until(async () => (await inShared(url)).includes('/next'))
  assert.deepEqual(await inShared(url), [...spooled, '/next'])
  assert.deepEqual(spooled, paths(spooled.length))
})

async function command(server: RedisServer, ...words: [string, ...string[]]): Promise<unknown> {
  const client = new Redis(server.url)
  try {
    return await client.call(...words)
  } finally {
    client.disconnect()
  }
}

async function flush(url: string): Promise<void> {
  const client = new Redis(url)
  await client.flushdb()
  client.disconnect()
}
