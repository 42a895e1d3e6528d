import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { hashKey, makeKey, toShown } from '../../keys/format.ts'
import { openKeyring } from '../../keys/keyring.ts'
import type { HashedKey, KeyEntry } from '../../keys/keys.ts'
import { openSqliteKeyring } from '../../keys/sqlite/keyring.ts'
import { openSqliteKeys } from '../../keys/sqlite/store.ts'
import type { Level } from '../../runtime/log.ts'
import { noLog } from '../../runtime/log.ts'
import { scratchFolder } from '../scratch.ts'
import { until } from '../services/until.ts'

async function fileFor(t: TestContext): Promise<string> {
  return join(await scratchFolder(t), 'keys.sqlite')
}

test('a key opens while it is live: created, revoked and created again while the gateway runs', async (t) => {
  const file = await fileFor(t)
  await using keys = openSqliteKeys({ file })
  const old = await keys.create({ consumer: 'acme' })
  await using keyring = await openSqliteKeyring({ file, log: noLog })
  assert.deepEqual(keyring.find(old.key), old.entry)

  const young = await keys.create({ consumer: 'acme' })
  assert.deepEqual(await until(() => keyring.find(young.key)), young.entry)
  assert.deepEqual(keyring.find(old.key), old.entry, 'both work while one replaces the other')

  const revoked = await keys.revoke(old.entry.id)
  await until(() => keyring.find(old.key) === undefined)
  assert.deepEqual(keyring.findDead(old.key), revoked)
  assert.deepEqual(keyring.find(young.key), young.entry)
  assert.equal(keyring.findDead(young.key), undefined)
  assert.equal(keyring.size, 2)
})

test('what is no key finds nothing', async (t) => {
  const file = await fileFor(t)
  await using keys = openSqliteKeys({ file })
  const { key, entry } = await keys.create({ consumer: 'acme' })
  await using keyring = await openSqliteKeyring({ file, log: noLog })
  const wrong = [
    '',
    entry.id,
    hashKey(key),
    key.slice(0, -1),
    `${key} `,
    key.toUpperCase(),
    'x'.repeat(100_000),
    '\0',
    'ключ',
  ]
  for (const one of wrong) {
    assert.equal(keyring.find(one), undefined)
    assert.equal(keyring.findDead(one), undefined)
  }
})

test('a key stops at the moment it expires', async () => {
  const feed = fakeFeed()
  let now = 1000
  await using keyring = await openKeyring(feed.open, { now: () => now })
  const { key, entry } = feed.add({ expiresAtMs: 2000 })
  now = 1999
  assert.deepEqual(keyring.find(key), entry)
  now = 2000
  assert.equal(keyring.find(key), undefined)
  assert.deepEqual(keyring.findDead(key), entry)
})

test('of each consumer the live key that expires first is told, soonest first', async () => {
  const feed = fakeFeed()
  await using keyring = await openKeyring(feed.open, { now: () => 1000 })
  const add = (consumer: string, entry: Partial<KeyEntry>) => feed.add({ consumer, ...entry }).entry.id
  add('acme', { expiresAtMs: 9000 })
  const acme = add('acme', { expiresAtMs: 5000 })
  const shop = add('shop', { expiresAtMs: 4000 })
  add('shop', { expiresAtMs: 500 })
  add('shop', { expiresAtMs: 2000, revokedAtMs: 900 })
  add('forever', {})
  assert.deepEqual(
    keyring.expiring(10).map(({ id, expiresAtMs }) => [id, expiresAtMs]),
    [
      [shop, 4000],
      [acme, 5000],
    ],
  )
  assert.deepEqual(
    keyring.expiring(1).map(({ id }) => id),
    [shop],
  )
})

test('uses of dead keys are counted by owner and reason, in bounded memory', async () => {
  const feed = fakeFeed()
  await using keyring = await openKeyring(feed.open, { now: () => 5000 })
  const expired = feed.add({ consumer: 'acme', expiresAtMs: 4000 }).key
  const revoked = feed.add({ consumer: 'acme', revokedAtMs: 4000 }).key
  for (const key of [expired, expired, revoked]) keyring.findDead(key)
  keyring.findDead('unknown')
  assert.deepEqual(keyring.deadUses(), [
    { consumer: 'acme', reason: 'expired', count: 2 },
    { consumer: 'acme', reason: 'revoked', count: 1 },
  ])
  for (let i = 0; i < 200; i++) keyring.findDead(feed.add({ consumer: `c${i}`, expiresAtMs: 1 }).key)
  const uses = keyring.deadUses()
  assert.equal(new Set(uses.map(({ consumer }) => consumer)).size, 101)
  assert.deepEqual(
    uses.find(({ consumer, reason }) => consumer === '__other__' && reason === 'expired'),
    { consumer: '__other__', reason: 'expired', count: 101 },
  )
})

test('the last use of each key is noted once a turn, and at the end', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const feed = fakeFeed()
  let now = 1000
  const keyring = await openKeyring(feed.open, { now: () => now })
  const first = feed.add({})
  const second = feed.add({})
  feed.add({})
  keyring.find(first.key)
  now = 2000
  keyring.find(first.key)
  keyring.find(second.key)
  assert.deepEqual(feed.touched, [], 'nothing is written while requests are served')
  t.mock.timers.tick(60_000)
  const uses = new Map([first, second].map(({ entry }) => [entry.id, 2000]))
  assert.deepEqual(feed.touched, [uses])
  t.mock.timers.tick(60_000)
  assert.deepEqual(feed.touched, [uses], 'an unused key costs nothing')
  now = 3000
  keyring.find(second.key)
  await keyring[Symbol.asyncDispose]()
  assert.deepEqual(feed.touched[1], new Map([[second.entry.id, 3000]]))
  assert.ok(feed.closed)
})

test('a refused key leaves no use behind', async () => {
  const feed = fakeFeed()
  const keyring = await openKeyring(feed.open, { now: () => 5000 })
  keyring.find(feed.add({ expiresAtMs: 4000 }).key)
  keyring.find(feed.add({ revokedAtMs: 4000 }).key)
  await keyring[Symbol.asyncDispose]()
  assert.deepEqual(feed.touched, [])
})

test('uses reach the database when the gateway ends', async (t) => {
  const file = await fileFor(t)
  await using keys = openSqliteKeys({ file })
  const { key } = await keys.create({ consumer: 'acme' })
  const before = Date.now()
  const keyring = await openSqliteKeyring({ file, log: noLog })
  keyring.find(key)
  await keyring[Symbol.asyncDispose]()
  const [entry] = await keys.list()
  assert.ok(entry?.lastUsedAtMs !== undefined && entry.lastUsedAtMs >= before)
})

test('more keys than are remembered raw all work, before and after', async () => {
  const feed = fakeFeed()
  await using keyring = await openKeyring(feed.open)
  const all = Array.from({ length: 17_000 }, () => feed.add({}))
  for (const round of [1, 2])
    for (const { key, entry } of all) assert.equal(keyring.find(key)?.id, entry.id, `round ${round}`)
  assert.equal(keyring.size, all.length)
})

test('20,000 keys of a database are there when the keyring opens', async (t) => {
  const file = await fileFor(t)
  await using keys = openSqliteKeys({ file })
  const created = await keys.createAll(Array.from({ length: 20_000 }, (_, i) => ({ consumer: `consumer-${i % 500}` })))
  await using keyring = await openSqliteKeyring({ file, log: noLog })
  for (const { key, entry } of created) assert.equal(keyring.find(key)?.id, entry.id)
})

test('a database that fails while the gateway runs leaves the known keys working, and says so once', async (t) => {
  const file = await fileFor(t)
  await using keys = openSqliteKeys({ file })
  const { key } = await keys.create({ consumer: 'acme' })
  const lines: [Level, string][] = []
  await using keyring = await openSqliteKeyring({ file, pollMs: 5, log: (level, line) => lines.push([level, line]) })
  using vandal = new DatabaseSync(file)
  vandal.exec('ALTER TABLE keys RENAME TO lost')
  await until(() => lines.length > 0)
  assert.ok(keyring.find(key))
  vandal.exec('ALTER TABLE lost RENAME TO keys')
  await until(() => lines.length > 1)
  assert.deepEqual(lines, [
    ['error', 'The keys cannot be read or written; the last known ones hold.'],
    ['info', 'The keys can be read and written again.'],
  ])
})

test('a database that cannot be opened refuses the start with its name', async (t) => {
  const folder = await scratchFolder(t)
  await assert.rejects(openSqliteKeyring({ file: folder, log: noLog }), {
    name: 'ConfigError',
    message: new RegExp(folder),
  })
})

/** A feed that the test fills by hand. */
function fakeFeed() {
  let apply: (keys: readonly HashedKey[]) => void = () => {}
  const touched: ReadonlyMap<string, number>[] = []
  const feed = {
    touched,
    closed: false,
    open: async (into: typeof apply) => {
      apply = into
      return {
        touch: (uses: ReadonlyMap<string, number>) => void touched.push(uses),
        [Symbol.asyncDispose]: async () => {
          feed.closed = true
        },
      }
    },
    add: (some: Partial<KeyEntry>) => {
      const { id, key } = makeKey()
      const never = { expiresAtMs: undefined, revokedAtMs: undefined, lastUsedAtMs: undefined }
      const entry = { id, consumer: 'acme', label: '', shown: toShown(key), createdAtMs: 0, ...never, ...some }
      apply([{ hash: hashKey(key), entry }])
      return { key, entry }
    },
  }
  return feed
}
