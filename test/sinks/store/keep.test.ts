import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../../record/sample.ts'
import { until } from '../../services/until.ts'
import { patience } from '../delivery.ts'
import { readParquet } from './parquet-reader.ts'
import { aFolder, always, openIn, parquetIn } from './place.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

test('many small blocks become few files, with the same records', async (t) => {
  const dir = await aFolder(t)
  const { append, store, count } = await openIn(t, dir)
  const receivedAtMs = Date.UTC(2026, 10, 21, 9, 30)
  const records = Array.from({ length: 200 }, (_, i) =>
    aRecord({ ts: receivedAtMs * 1000 - i, path: `/orders/${i}`, tags: { n: `${i}` } }),
  )
  for (let i = 0; i < records.length; i += 2) await append(records.slice(i, i + 2), { appendedAtMs: receivedAtMs })
  await until(() => store.status().files <= 16, { what: 'the files to be merged' })
  assert.equal(await count(), records.length)
  const byPath = (list: readonly (typeof records)[number][]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  await until(() => parquetIn(dir).length === store.status().files, { what: 'the old files to go' })
  assert.deepEqual(byPath(await readParquet(dir)), byPath(records))
})

test('a question that runs while files are merged sees every record once', async (t) => {
  const { append, store, count } = await openIn(t, await aFolder(t))
  let appended = 0
  for (let round = 0; round < 25; round++) {
    const seenBefore = count()
    for (let i = 0; i < 4; i++) {
      await append([aRecord(), aRecord()])
      appended += 2
    }
    const seen = await seenBefore
    assert.ok(seen >= appended - 8 && seen <= appended && seen % 2 === 0, `${seen} of ${appended}`)
    assert.equal(await count(), appended)
  }
  await until(() => store.status().files < 30, { what: 'the files to be merged' })
  assert.equal(await count(), appended)
})

test('files that a question still reads stay until it is answered', async (t) => {
  const dir = await aFolder(t)
  const { append, store } = await openIn(t, dir)
  for (let i = 0; i < 6; i++) await append([aRecord()])
  const slow = store.query(
    {
      sql: 'SELECT count(*)::INTEGER AS records FROM records, range(3000000) AS t(n) WHERE n % 7 < 9',
      params: {},
      ...always,
    },
    patience(),
  )
  for (let i = 0; i < 6; i++) await append([aRecord()])
  await until(() => store.status().files < 12, { what: 'the files to be merged' })
  const { rows } = await slow
  assert.equal(rows[0]?.records, 6 * 3_000_000)
  await until(() => parquetIn(dir).length === store.status().files, { what: 'the old files to go' })
})

test('an hour that is over becomes one file once it is quiet', async (t) => {
  const dir = await aFolder(t)
  const then = Date.UTC(2026, 10, 21, 9, 30)
  const first = await openIn(t, dir, { now: () => then })
  for (let i = 0; i < 5; i++) await first.append([aRecord({ ts: then * 1000 })], { appendedAtMs: then })
  assert.equal(first.store.status().files, 5)
  await first.close()
  const next = await openIn(t, dir, { now: () => then + hourMs })
  await until(() => next.store.status().files === 1, { what: 'the hour to be merged' })
  assert.equal(await next.count(), 5)
})

test('records whose time is over go, with their folders, and are counted', async (t) => {
  const dir = await aFolder(t)
  const then = Date.UTC(2026, 10, 1, 9, 30)
  const first = await openIn(t, dir, { now: () => then, retentionDays: 7 })
  await first.append([aRecord({ ts: then * 1000 }), aRecord({ ts: then * 1000 })], { appendedAtMs: then })
  const later = then + 5 * dayMs
  await first.append([aRecord({ ts: later * 1000 })], { appendedAtMs: later })
  await first.close()
  const next = await openIn(t, dir, { now: () => then + 8 * dayMs, retentionDays: 7 })
  await until(() => next.store.status().files === 1, { what: 'the old records to go' })
  assert.equal(await next.count(), 1)
  assert.equal(next.store.status().expiredRows, 2)
  assert.deepEqual(next.said, ['Records older than the retention are let go.'])
  assert.deepEqual(
    parquetIn(dir).map((path) => path.slice(0, 10)),
    ['2026-11-06'],
  )
  const { completeFromMs } = await next.store.query({ sql: 'SELECT 1', params: {}, ...always }, patience())
  assert.equal(completeFromMs, Date.UTC(2026, 10, 2, 9))
})
