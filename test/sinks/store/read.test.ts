import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../../record/sample.ts'
import { OutOfMemoryError } from '../../../sinks/store/duckdb.ts'
import { patience } from '../delivery.ts'
import { aFolder, always, openIn } from './place.ts'

const endless = { sql: 'SELECT count(*) FROM range(1000000000000) AS t(n) WHERE n % 7 = 3', params: {}, ...always }

test('a question that is given up ends with the reason, and the next one is answered', async (t) => {
  const { store, append, count } = await openIn(t, await aFolder(t))
  await append([aRecord()])
  const asking = new AbortController()
  const reason = new Error('nobody waits any more')
  const answers = [
    store.query(endless, asking.signal),
    store.query(endless, asking.signal),
    store.query(endless, asking.signal),
  ]
  asking.abort(reason)
  for (const answer of answers) await assert.rejects(answer, reason)
  assert.equal(await count(), 1)
})

test('a store can be closed while it is asked', async (t) => {
  const { store, close } = await openIn(t, await aFolder(t))
  const answer = store.query(endless, patience()).catch((error: unknown) => error)
  await close()
  assert.match(String(await answer), /The store is closed/)
})

test('more questions than are answered at once wait their turn', async (t) => {
  const { append, count } = await openIn(t, await aFolder(t))
  await append([aRecord(), aRecord()])
  assert.deepEqual(await Promise.all(Array.from({ length: 12 }, count)), Array(12).fill(2))
})

test('a question that needs more memory than there is fails alone', async (t) => {
  const { store, append, count } = await openIn(t, await aFolder(t), { memoryBytes: 64 * 1024 * 1024 })
  await append([aRecord()])
  const large =
    'SELECT max(list_value) FROM (SELECT list(n::VARCHAR) AS list_value FROM range(20000000) AS t(n) GROUP BY n % 3)'
  await assert.rejects(store.query({ sql: large, params: {}, ...always }, patience()), OutOfMemoryError)
  assert.equal(await count(), 1)
})

for (const [what, sql] of Object.entries({
  'read another file': "SELECT * FROM read_csv('/etc/passwd')",
  'write a file elsewhere': "SELECT 1) TO '/tmp/penstock-elsewhere.csv'; --",
  'change a setting': "SELECT 1); SET memory_limit = '9GB'; SELECT (1",
  'load an extension': 'SELECT 1); INSTALL httpfs; SELECT (1',
})) {
  test(`a question cannot ${what}`, async (t) => {
    const { store } = await openIn(t, await aFolder(t))
    await assert.rejects(store.query({ sql, params: {}, ...always }, patience()), /Permission|Parser|Cannot|Invalid/)
  })
}

test('only files of the time in question are read', async (t) => {
  const { store, append } = await openIn(t, await aFolder(t))
  const nine = Date.UTC(2026, 10, 21, 9)
  for (let i = 0; i < 3; i++)
    await append([aRecord({ ts: (nine + i * 60_000) * 1000 })], { appendedAtMs: nine + 3_600_000 })
  const { rows } = await store.query(
    {
      sql: 'SELECT count(*)::INTEGER AS records FROM records',
      params: {},
      fromUs: (nine + 60_000) * 1000,
      toUs: (nine + 120_000) * 1000,
    },
    patience(),
  )
  assert.deepEqual(rows, [{ records: 1 }])
})
