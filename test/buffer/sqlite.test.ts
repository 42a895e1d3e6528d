import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { BufferFullError, BufferUnavailableError, LogResetError, type Reader } from '../../buffer/buffer.ts'
import { migrations } from '../../buffer/sqlite/schema.ts'
import { openSqliteBuffer, type SqliteBufferOptions } from '../../buffer/sqlite/sqlite.ts'
import { scratchFolder } from '../scratch.ts'
import { bufferContract } from './contract.ts'
import { openOwner } from './ownership-contract.ts'
import {
  aProducer,
  append,
  ledger,
  nothingElse,
  readAll,
  report,
  type ScratchLog,
  sealTo,
  take,
  textOf,
} from './scratch-log.ts'

const maxBytes = 100_000_000

async function makeLog(limits: { maxBytes?: number } = {}): Promise<ScratchLog> {
  const opened = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'penstock-sqlite-'))
  opened.defer(() => rm(dir, { recursive: true }))
  return {
    open: async () => opened.use(await openSqliteBuffer({ dir, maxBytes, ...limits })),
    address: { type: 'sqlite', options: { maxBytes }, dataDir: dir },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

bufferContract('sqlite', makeLog)

/** Opens the log of a folder for the length of a test. */
async function open(t: TestContext, options: Partial<SqliteBufferOptions> & { dir: string }) {
  const log = await openSqliteBuffer({ maxBytes, ...options })
  t.after(() => log[Symbol.asyncDispose]())
  return log
}

/** Settles all that was appended. */
async function settleAll(reader: Reader, from: number, to: number): Promise<void> {
  const seal = await sealTo(reader, { offset: from, index: 0 }, { offset: to, index: 0 })
  await reader.settle(seal, { delivered: to - from, ...nothingElse })
}

test('processes that open a new folder at the same moment share one log', async (t) => {
  const dir = await scratchFolder(t)
  const address = { type: 'sqlite', options: {}, dataDir: dir }
  const processes = await Promise.all([1, 2, 3, 4].map(() => openOwner(address)))
  const log = await open(t, { dir })
  assert.equal((await report(log)).ledgers.length, 1)
  for (const child of processes) child.kill('SIGKILL')
  await Promise.all(processes.map((child) => once(child, 'close')))
})

test('a file of another format is refused by name, and left as it is', async (t) => {
  const dir = await scratchFolder(t)
  await (await open(t, { dir }))[Symbol.asyncDispose]()
  const db = new DatabaseSync(join(dir, 'buffer.db'))
  db.exec('PRAGMA user_version = 7')
  db.close()
  await assert.rejects(openSqliteBuffer({ dir, maxBytes }), {
    name: 'ConfigError',
    message: /buffer\.db has format 7; this Penstock knows 2\. Run the version that wrote it/,
  })
})

test('a file of the first format is brought to the present one, with all that it holds', async (t) => {
  const dir = await scratchFolder(t)
  const db = new DatabaseSync(join(dir, 'buffer.db'))
  db.exec(migrations[0])
  db.exec(`
    PRAGMA user_version = 1;
    INSERT INTO log VALUES (1, 'old', 4, 6, 1, 'p', 1);
    INSERT INTO producers VALUES (1, 'p1', 1, 2, 4, 0, ${Date.now()});
    INSERT INTO frames VALUES (0, 2, 1000, 1, 0, 2, x'616161'), (2, 2, 2000, 1, 1, 4, x'626262');
    INSERT INTO readers VALUES ('a', 0, 1, 0, 1, 'o1', 0, 0, 0, 1, 0);
    INSERT INTO seals VALUES (9, 'a', 1, 0, 4, 0, 'token', '{}');
    INSERT INTO dead_letters VALUES (3, 'a', 1500, 'json', 'bad', x'7b7d');
  `)
  db.close()
  const log = await open(t, { dir })
  assert.equal(log.incarnation, 'old')
  const reader = await take(log)
  assert.deepEqual(reader.seals, [
    { id: 9, from: { offset: 1, index: 0 }, to: { offset: 4, index: 0 }, token: 'token', shape: '{}', deaths: 0 },
  ])
  assert.equal(await log.retryDeadLetters('a', [3]), 1)
  await reader.settleRetry((await reader.retries())[0]!, { rejected: new Map() })
  await reader.settle(reader.seals[0]!, {
    delivered: 3,
    ...nothingElse,
    minutes: [{ minute: 5, records: 3, idSum: 1 }],
  })
  const { appended, delivered, deadLettersHeld, backlog } = await ledger(log)
  assert.deepEqual(
    { appended, delivered, deadLettersHeld, backlog },
    { appended: 4, delivered: 4, deadLettersHeld: 0, backlog: 0 },
  )
  assert.deepEqual((await take(await open(t, { dir }), { sink: 'b', startAt: { atMs: 1001 } })).cursor, {
    offset: 2,
    index: 0,
  })
})

test('a damaged file is refused with what to do', async (t) => {
  const dir = await scratchFolder(t)
  await writeFile(join(dir, 'buffer.db'), 'garbage'.repeat(4096))
  await assert.rejects(openSqliteBuffer({ dir, maxBytes }), {
    name: 'ConfigError',
    message: /buffer\.db is damaged.*move the file away/,
  })
})

test('a folder that cannot be made is refused', async (t) => {
  const dir = await scratchFolder(t)
  await writeFile(join(dir, 'taken'), '')
  await assert.rejects(openSqliteBuffer({ dir: join(dir, 'taken'), maxBytes }), {
    name: 'ConfigError',
    message: /cannot be made/,
  })
})

test('a file that is no database any more while it is open is reported as unavailable, not as anything else', async (t) => {
  const dir = await scratchFolder(t)
  const log = await open(t, { dir })
  const db = new DatabaseSync(join(dir, 'buffer.db'))
  db.exec('DROP TABLE readers')
  db.close()
  await assert.rejects(log.inspect(), BufferUnavailableError)
})

test('a file that was moved away while it was open is noticed before anything more goes into it', async (t) => {
  const dir = await scratchFolder(t)
  let nowMs = Date.now()
  const log = await open(t, { dir, now: () => nowMs })
  const producer = aProducer()
  await append(log, producer.frames(1))
  await rename(join(dir, 'buffer.db'), join(dir, 'moved.db'))
  nowMs += 1000
  await assert.rejects(append(log, producer.frames(1)), LogResetError)
  await assert.rejects(log.trim(), LogResetError)
  await assert.rejects(take(log), LogResetError)
})

test('frames that vanish between cursor and end are noticed', async (t) => {
  const dir = await scratchFolder(t)
  const log = await open(t, { dir })
  await append(log, aProducer().frames(1, 1, 1))
  const reader = await take(log)
  const db = new DatabaseSync(join(dir, 'buffer.db'))
  db.exec('DELETE FROM frames WHERE offset = 0')
  db.close()
  await assert.rejects(readAll(reader), LogResetError)
  const [ledger] = (await report(log)).ledgers
  assert.deepEqual([ledger?.appended, ledger?.backlog], [3, 2])
})

test('while the disk has no more than the reserve, only freed places of the file take new frames', async (t) => {
  const dir = await scratchFolder(t)
  let free = 10_000_000
  let nowMs = 0
  const log = await open(t, { dir, reserveBytes: 5_000_000, freeBytes: () => free, now: () => (nowMs += 1000) })
  const producer = aProducer({ frameBytes: 100_000 })
  await append(log, producer.frames(1, 1, 1, 1))
  const reader = await take(log)
  free = 5_000_000
  const late = producer.frames(1, 1)
  await assert.rejects(append(log, late), BufferFullError)
  await settleAll(reader, 0, 3)
  assert.equal(await log.trim(), 3)
  await append(log, late)
  await assert.rejects(append(log, producer.frames(1, 1)), BufferFullError)
})

test('within the second that the disk’s answer holds, what was appended is taken off', async (t) => {
  const dir = await scratchFolder(t)
  const log = await open(t, { dir, reserveBytes: 0, freeBytes: () => 1_000_000, now: () => 0 })
  const producer = aProducer({ frameBytes: 100_000 })
  await append(log, producer.frames(1, 1, 1, 1))
  await assert.rejects(append(log, producer.frames(1, 1, 1)), BufferFullError)
})

test('passed frames are kept for as long as asked, but never in more than half of the log', async (t) => {
  const dir = await scratchFolder(t)
  let nowMs = 1_000_000
  const log = await open(t, { dir, maxBytes: 10_000, keepMs: 60_000, now: () => nowMs })
  const reader = await take(log, { owner: 'forwarder' })
  const producer = aProducer({ frameBytes: 1000 })
  await append(log, producer.frames(1, 1))
  nowMs += 30_000
  await append(log, producer.frames(1, 1))
  await settleAll(reader, 0, 4)
  assert.equal(await log.trim(), 0)
  nowMs += 30_000
  assert.equal(await log.trim(), 2)
  await append(log, producer.frames(1, 1, 1, 1))
  await settleAll(reader, 4, 8)
  assert.equal(await log.trim(), 1)
  assert.equal((await report(log)).bytes, 5000)
})

test('more frames than one slice holds are trimmed in one call', async (t) => {
  const log = await open(t, { dir: await scratchFolder(t) })
  const reader = await take(log)
  await append(log, aProducer().frames(...Array<number>(500).fill(1)))
  await settleAll(reader, 0, 500)
  assert.equal(await log.trim(), 500)
  assert.deepEqual([(await report(log)).bytes, await readAll(reader, { offset: 0, index: 0 })], [0, []])
})

test('the frames of one boot can be had again from any seq on', async (t) => {
  const log = await open(t, { dir: await scratchFolder(t) })
  const [mine, other] = [aProducer({ frameBytes: 1000 }), aProducer({ boot: 2 })]
  const frames = mine.frames(3, 4, 5)
  await append(log, frames.slice(0, 1))
  await append(log, other.frames(1))
  await append(log, frames)
  const from = async (boot: number, seq: number, maxBytes: number) => {
    const found = await log.framesFrom('p1', boot, seq, { maxBytes })
    return found.map((frame) => ({ ...frame, bytes: textOf(frame) }))
  }
  assert.deepEqual(
    await from(1, 1, 1_000_000),
    frames.slice(1).map((frame) => ({ ...frame, bytes: textOf(frame) })),
  )
  assert.deepEqual(
    (await from(1, 0, 1)).map(({ seq }) => seq),
    [0],
  )
  assert.deepEqual(
    (await from(1, 0, 1001)).map(({ seq }) => seq),
    [0, 1],
  )
  assert.deepEqual(await from(1, 3, 1), [])
  assert.deepEqual(await from(3, 0, 1), [])
})

test('a folder has one producer, whose boots grow, even where a copy of the folder comes back', async (t) => {
  const dir = await scratchFolder(t)
  const copy = join(dir, 'copy')
  let nowMs = 1_700_000_000_000
  const original = await open(t, { dir: join(dir, 'original'), now: () => nowMs })
  const first = await original.nextBoot()
  const second = await original.nextBoot()
  assert.match(first.producer, /^[0-9a-f]{8}-[0-9a-f]{4}-/)
  assert.equal(second.producer, first.producer)
  assert.ok(second.boot > first.boot)
  await original[Symbol.asyncDispose]()
  await mkdir(copy)
  await cp(join(dir, 'original'), copy, { recursive: true })
  const third = await (await open(t, { dir: join(dir, 'original'), now: () => nowMs })).nextBoot()
  nowMs += 5000
  const restored = await (await open(t, { dir: copy, now: () => nowMs })).nextBoot()
  assert.equal(restored.producer, first.producer)
  assert.ok(third.boot > second.boot && restored.boot > third.boot)
  assert.ok(restored.boot < 2 ** 32, 'a frame has 32 bits for it')
})

test('a producer that nothing was heard of for months is forgotten, once its frames are gone', async (t) => {
  let nowMs = Date.now()
  const log = await open(t, { dir: await scratchFolder(t), now: () => nowMs })
  await append(log, aProducer({ producer: 'old' }).frames(1))
  nowMs += 91 * 24 * 3600 * 1000
  const reader = await take(log)
  await append(log, aProducer({ producer: 'new' }).frames(1))
  const producers = async () => (await report(log)).producers.map(({ producer }) => producer)
  await log.trim()
  assert.deepEqual(await producers(), ['new', 'old'])
  await settleAll(reader, 0, 2)
  await log.trim()
  assert.deepEqual(await producers(), ['new'])
})
