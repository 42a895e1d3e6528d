import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { aRecord } from '../../../record/sample.ts'
import { HaltError } from '../../../sinks/sink.ts'
import { until } from '../../services/until.ts'
import { patience } from '../delivery.ts'
import { readParquet } from './parquet-reader.ts'
import { aFolder, always, bytesUnder, openIn } from './place.ts'

const mib = 1024 * 1024
const hourMs = 3_600_000

test('a full store lets go of the oldest hour first, says so and counts what went', async (t) => {
  const dir = await aFolder(t)
  const { append, store, said } = await openIn(t, dir, { maxBytes: 12 * mib })
  const start = Date.UTC(2026, 10, 21, 0)
  let appended = 0
  let hour = 0
  for (; store.status().evictedRows === 0; hour++) {
    const receivedAtMs = start + hour * hourMs
    await append(
      Array.from({ length: 300 }, (_, i) =>
        aRecord({ ts: receivedAtMs * 1000 + i, path: randomBytes(1500).toString('base64') }),
      ),
      { appendedAtMs: receivedAtMs + 1000 },
    )
    appended += 300
  }
  const { rows, evictedRows, oldestMs } = store.status()
  assert.equal(rows + evictedRows, appended)
  assert.equal(oldestMs, start + (evictedRows / 300) * hourMs)
  assert.ok(said.includes('The disk limit is reached; the oldest records are let go.'))
  const { completeFromMs } = await store.query({ sql: 'SELECT 1', params: {}, ...always }, patience())
  assert.equal(completeFromMs, oldestMs)
  assert.equal((await readParquet(dir)).length, rows)
})

test('a limit that leaves no room for one block halts the sink and says what to raise', async (t) => {
  const { append } = await openIn(t, await aFolder(t), { maxBytes: 3 * mib })
  const records = Array.from({ length: 20 }, () => aRecord({ detail: { responseBody: 'x'.repeat(100_000) } }))
  await assert.rejects(
    append(records),
    (error) => error instanceof HaltError && /maxBytes of 3145728/.test(error.message),
  )
})

test('while a question reads the oldest files a full store waits for it and stays below its limit', async (t) => {
  const dir = await aFolder(t)
  const maxBytes = 8 * mib
  const { append, store } = await openIn(t, dir, { maxBytes })
  const aFew = () => Array.from({ length: 200 }, () => aRecord({ path: randomBytes(1000).toString('base64') }))
  while (store.status().evictedRows === 0) await append(aFew())
  const asking = new AbortController()
  const endless = {
    sql: 'SELECT count(*) FROM records, range(1000000000) AS t(n) WHERE n % 7 = 3',
    params: {},
    ...always,
  }
  const answer = store.query(endless, asking.signal).catch(() => 'given up')
  let waiting = true
  const appending = (async () => {
    for (let i = 0; i < 60; i++) await append(aFew())
    waiting = false
  })()
  for (let looks = 0; looks < 200 && waiting; looks++) {
    assert.ok(bytesUnder(dir) <= maxBytes)
    await setImmediate()
  }
  asking.abort()
  assert.equal(await answer, 'given up')
  await appending
  assert.ok(bytesUnder(dir) <= maxBytes)
})

test('the folder never takes more than its limit, whenever the process is killed, and loses nothing but what it let go', async (t) => {
  const dir = await aFolder(t)
  const maxBytes = 16 * mib
  let appended = 0
  let looks = 0
  let most = 0
  for (const blocks of [1, 3, 40, 80, 120, 30]) {
    const child = fill(t, dir, maxBytes)
    let made = 0
    child.lines.on('line', (line) => {
      appended = Number(line)
      made++
    })
    await until(
      () => {
        most = Math.max(most, bytesUnder(dir))
        looks++
        return made >= blocks
      },
      { what: `${blocks} blocks`, timeoutMs: 60_000, everyMs: 1 },
    )
    child.process.kill('SIGKILL')
    await once(child.process, 'exit')
    most = Math.max(most, bytesUnder(dir))

    const { store, count, close } = await openIn(t, dir, { maxBytes })
    const { rows, evictedRows, lostRows } = store.status()
    assert.equal(lostRows, 0)
    assert.equal(await count(), rows)
    const inFlight = rows + evictedRows - appended
    assert.ok(inFlight >= 0 && inFlight <= 400, `${inFlight} more records than were reported`) // one block may be stored and not reported
    assert.equal((await readParquet(dir)).length, rows)
    appended = rows + evictedRows
    await close()
  }
  assert.ok(most <= maxBytes, `${most} bytes at most in ${looks} looks`)
  assert.ok(most > maxBytes / 2, 'the store was filled')
})

function fill(
  t: TestContext,
  dir: string,
  maxBytes: number,
): { process: ChildProcess; lines: ReturnType<typeof createInterface> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'filling-child.ts'), dir, String(maxBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  return { process: child, lines: createInterface({ input: child.stdout }) }
}
