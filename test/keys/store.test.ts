import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { hashKey } from '../../keys/format.ts'
import { KeyError } from '../../keys/keys.ts'
import { openSqliteKeys } from '../../keys/sqlite/store.ts'
import { scratchFolder } from '../scratch.ts'

const day = 86_400_000

async function fileFor(t: TestContext): Promise<string> {
  return join(await scratchFolder(t), 'data', 'keys.sqlite')
}

test('a created key is shown once and only its hash is kept', async (t) => {
  const file = await fileFor(t)
  await using keys = openSqliteKeys({ file, now: () => 1000 })
  const { key, entry } = await keys.create({ consumer: 'acme', label: 'nightly job', expiresAtMs: 1000 + day })
  assert.match(key, /^pstk_[0-9a-hjkmnp-tv-z]{10}_[0-9A-Za-z]{32}$/)
  const shown = `pstk_${entry.id}_…${key.slice(-4)}`
  const rest = { createdAtMs: 1000, expiresAtMs: 1000 + day, revokedAtMs: undefined, lastUsedAtMs: undefined }
  assert.deepEqual(entry, { id: entry.id, consumer: 'acme', label: 'nightly job', shown, ...rest })
  assert.deepEqual(await keys.list(), [entry])
  assert.deepEqual((await keys.changes(0)).keys, [{ hash: hashKey(key), entry }])
  for (const part of [file, `${file}-wal`]) {
    const secret = key.split('_')[2]!.slice(0, -4) // a key has three parts; the last four letters are shown
    assert.ok(!(await readFile(part)).includes(secret), `${part} holds the secret`)
  }
})

test('a consumer has several keys, and the list can be narrowed to one consumer', async (t) => {
  await using keys = openSqliteKeys({ file: await fileFor(t) })
  await keys.create({ consumer: 'acme', label: 'old' })
  await keys.create({ consumer: 'acme', label: 'new' })
  await keys.create({ consumer: 'globex' })
  const labels = (await keys.list({ consumer: 'acme' })).map((entry) => entry.label)
  assert.deepEqual(labels.sort(), ['new', 'old'])
  assert.equal((await keys.list()).length, 3)
  assert.deepEqual(await keys.list({ consumer: 'nobody' }), [])
})

test('a revoked key stays in the list with its moment, and is revoked once', async (t) => {
  await using keys = openSqliteKeys({ file: await fileFor(t), now: () => day })
  const { entry } = await keys.create({ consumer: 'acme' })
  assert.deepEqual(await keys.revoke(entry.id), { ...entry, revokedAtMs: day })
  assert.equal((await keys.list())[0]?.revokedAtMs, day)
  await assert.rejects(keys.revoke(entry.id), {
    name: 'KeyError',
    message: `Key ${entry.id} was revoked already, at 1970-01-02T00:00:00.000Z.`,
  })
})

test('what cannot be done is refused with what to do instead', async (t) => {
  await using keys = openSqliteKeys({ file: await fileFor(t), now: () => day })
  const refusals: [Promise<unknown>, RegExp][] = [
    [keys.revoke('nope'), /There is no key "nope": the list of keys shows the id of each\./],
    [keys.create({ consumer: ' ' }), /needs a consumer/],
    [keys.create({ consumer: 'acme', expiresAtMs: day }), /expires at 1970-01-02T00:00:00.000Z would never work/],
    [keys.create({ consumer: 'acme', expiresAtMs: -1e300 }), /no moment/],
    [keys.create({ consumer: 'acme', expiresAtMs: Number.NaN }), /NaN is no moment/],
  ]
  for (const [call, message] of refusals) await assert.rejects(call, { name: 'KeyError', message })
  assert.deepEqual(await keys.list(), [])
})

test('keys that are created together are created all or none', async (t) => {
  await using keys = openSqliteKeys({ file: await fileFor(t) })
  await assert.rejects(keys.createAll([{ consumer: 'acme' }, { consumer: '' }]), KeyError)
  assert.deepEqual(await keys.list(), [])
  const created = await keys.createAll([{ consumer: 'acme' }, { consumer: 'globex' }])
  assert.deepEqual(
    created.map(({ entry }) => entry.consumer),
    ['acme', 'globex'],
  )
  assert.equal(new Set(created.map(({ key }) => key)).size, 2)
})

test('changes after a revision are those that came since', async (t) => {
  await using keys = openSqliteKeys({ file: await fileFor(t) })
  const first = await keys.create({ consumer: 'acme' })
  const before = await keys.changes(0)
  assert.deepEqual(await keys.changes(before.revision), { revision: before.revision, keys: [] })
  const revoked = await keys.revoke(first.entry.id)
  const second = await keys.create({ consumer: 'acme' })
  const after = await keys.changes(before.revision)
  assert.deepEqual(
    after.keys.map(({ entry }) => entry),
    [revoked, second.entry],
  )
  await keys.touch(new Map([[first.entry.id, 5]]))
  assert.deepEqual((await keys.changes(after.revision)).keys, [], 'a use is no change')
})

test('a last use is kept, and an older one does not replace it', async (t) => {
  await using keys = openSqliteKeys({ file: await fileFor(t) })
  const { entry } = await keys.create({ consumer: 'acme' })
  await keys.touch(new Map([[entry.id, 7000]]))
  await keys.touch(
    new Map([
      [entry.id, 6000],
      ['unknown', 1],
    ]),
  )
  assert.equal((await keys.list())[0]?.lastUsedAtMs, 7000)
})

test('several processes open and fill one new database at once', async (t) => {
  const file = await fileFor(t)
  const program = `
    import { openSqliteKeys } from ${JSON.stringify(new URL('../../keys/sqlite/store.ts', import.meta.url).href)}
    await using keys = openSqliteKeys({ file: ${JSON.stringify(file)} })
    for (let i = 0; i < 20; i++) await keys.create({ consumer: 'acme' })`
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]))
  assert.deepEqual(codes, [0, 0, 0, 0])
  await using keys = openSqliteKeys({ file })
  assert.equal((await keys.list()).length, 80)
})

test('a database of a newer Penstock, and what is no database, are refused by name', async (t) => {
  const folder = await scratchFolder(t)
  const newer = join(folder, 'newer.sqlite')
  const db = new DatabaseSync(newer)
  db.exec('PRAGMA user_version = 9')
  db.close()
  assert.throws(() => openSqliteKeys({ file: newer }), { name: 'ConfigError', message: /newer Penstock \(9, not 1\)/ })
  const text = join(folder, 'text')
  await writeFile(text, 'this is no database, and long enough to be seen as none'.repeat(10))
  for (const file of [text, join(text, 'keys.sqlite'), folder])
    assert.throws(() => openSqliteKeys({ file }), { name: 'ConfigError', message: new RegExp(file) })
})
