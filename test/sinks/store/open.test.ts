import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { aRecord } from '../../../record/sample.ts'
import { HaltError } from '../../../sinks/sink.ts'
import { aFolder, listedIn, openIn, parquetIn } from './place.ts'

test('what a crash left behind is removed, and nothing else', async (t) => {
  const dir = await aFolder(t)
  const first = await openIn(t, dir)
  await first.append([aRecord(), aRecord()])
  await first.close()
  const [stored = ''] = parquetIn(dir)
  writeFileSync(join(dir, stored.slice(0, 10), '09-unlisted.parquet'), 'written whole, but not listed')
  mkdirSync(join(dir, '2026-01-01'))
  writeFileSync(join(dir, '2026-01-01/00-torn.parquet'), 'torn')
  writeFileSync(join(dir, 'tmp/1.parquet'), 'half')
  const next = await openIn(t, dir)
  assert.deepEqual(parquetIn(dir), [stored])
  assert.equal(await next.count(), 2)
})

test('a file that somebody removed is reported and counted, and questions are answered from the others', async (t) => {
  const dir = await aFolder(t)
  const first = await openIn(t, dir)
  await first.append([aRecord(), aRecord(), aRecord()])
  await first.append([aRecord()])
  await first.close()
  const three = listedIn(dir).find(({ rows }) => rows === 3)
  rmSync(join(dir, three?.name ?? ''))
  const next = await openIn(t, dir)
  assert.equal(await next.count(), 1)
  assert.equal(next.store.status().lostRows, 3)
  assert.deepEqual(next.said, ['Files of the store are missing; their records are lost.'])
})

test('a store that is open already cannot be opened again', async (t) => {
  const dir = await aFolder(t)
  await openIn(t, dir)
  await assert.rejects(openIn(t, dir), (error) => {
    assert.ok(error instanceof HaltError)
    assert.match(error.message, /open in another process: stop it, or name another folder/)
    return true
  })
})

test('a store that a newer Penstock made is left alone', async (t) => {
  const dir = await aFolder(t)
  const db = new DatabaseSync(join(dir, 'manifest.db'))
  db.exec('PRAGMA user_version = 99')
  db.close()
  await assert.rejects(openIn(t, dir), /made by a newer Penstock/)
})

test('a manifest that is no database is not overwritten', async (t) => {
  const dir = await aFolder(t)
  writeFileSync(join(dir, 'manifest.db'), 'something else, and longer than a header of SQLite would be'.repeat(10))
  await assert.rejects(openIn(t, dir), HaltError)
})

test('the token of a block that was settled is forgotten after a day, that of another one is not', async (t) => {
  const dir = await aFolder(t)
  let nowMs = Date.now()
  const { append, store, count } = await openIn(t, dir, { now: () => nowMs })
  await append([aRecord()], { token: 'settled' })
  await append([aRecord()], { token: 'in flight' })
  store.settled('settled')
  await append([aRecord()], { token: 'next' })
  await append([aRecord()], { token: 'settled' })
  assert.equal(await count(), 3)
  nowMs += 25 * 3600 * 1000
  await append([aRecord()], { token: 'another' })
  await append([aRecord()], { token: 'in flight' })
  assert.equal(await count(), 4)
  await append([aRecord()], { token: 'settled' })
  assert.equal(await count(), 5)
})

test('what was settled last is remembered when the store is closed', async (t) => {
  const dir = await aFolder(t)
  const first = await openIn(t, dir)
  await first.append([aRecord()], { token: 'a' })
  first.store.settled('a')
  await first.close()
  const db = new DatabaseSync(join(dir, 'manifest.db'), { readOnly: true })
  const unsettled = db.prepare('SELECT count(*) AS count FROM blocks WHERE settledAtMs IS NULL').get()
  db.close()
  assert.equal(unsettled?.count, 0)
})

test('the status tells what there is and how fresh it is', async (t) => {
  const { append, store } = await openIn(t, await aFolder(t), { maxBytes: 100_000_000 })
  assert.equal(store.status().receivedAtMs, undefined)
  assert.equal(store.status().oldestMs, undefined)
  const receivedAtMs = Date.UTC(2026, 10, 21, 9, 30)
  await append([aRecord({ ts: (receivedAtMs - 3_600_000) * 1000 }), aRecord({ ts: receivedAtMs * 1000 })], {
    appendedAtMs: receivedAtMs,
  })
  await append([aRecord()], { appendedAtMs: receivedAtMs - 1000 })
  const { files, rows, maxBytes, takenBytes, bytes, ...status } = store.status()
  assert.deepEqual({ files, rows, maxBytes }, { files: 3, rows: 3, maxBytes: 100_000_000 })
  assert.ok(bytes > 0 && takenBytes > bytes)
  assert.equal(status.receivedAtMs, receivedAtMs)
  assert.equal(status.oldestMs, Date.UTC(2026, 10, 21, 8))
})
