import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import {
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import { aRecord } from '../../record/sample.ts'
import file from '../../sinks/file/file.ts'
import { fileName } from '../../sinks/file/name.ts'
import { type Block, HaltError, RetryableError } from '../../sinks/sink.ts'
import { until } from '../services/until.ts'
import { sinkContract } from './contract.ts'
import { aBlock, again, nextBlock, openDelivery, type SinkHarness, type StoredRecord } from './delivery.ts'

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penstock-file-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'files')
}

/** Files with records, the link to the newest one left out. */
async function namesIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return []
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort()
}

async function textOf(folder: string, name: string): Promise<string> {
  const bytes = await readFile(join(folder, name))
  return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
}

async function recordsIn(folder: string): Promise<StoredRecord[]> {
  const texts = await Promise.all(
    (await namesIn(folder)).map(async (name) => ({ name, text: await textOf(folder, name) })),
  )
  return texts.flatMap(({ name, text }) => (name.includes('.csv') ? fromCsv(text) : fromLines(text)))
}

function fromLines(text: string): StoredRecord[] {
  assert.ok(text.endsWith('\n'), 'the last line is whole')
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** RFC 4180, strictly: whatever does not fit fails. */
function fromCsv(text: string): StoredRecord[] {
  const rows: string[][] = [[]]
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex
    const [, inQuotes, plain, end] = cell.exec(text) ?? assert.fail(`no CSV at ${at}: ${text.slice(at, at + 50)}`)
    rows.at(-1)?.push(inQuotes?.replaceAll('""', '"') ?? plain ?? '')
    if (end === '\r\n') rows.push([])
  }
  const [head = [], ...lines] = rows.slice(0, -1)
  return lines.map((line) => {
    assert.equal(line.length, head.length)
    return Object.fromEntries(head.map((name, i) => [name, fromCell(name as FieldName, line[i] ?? '')])) // written from the fields
  }) as StoredRecord[]
}

function fromCell(name: FieldName, text: string): unknown {
  const { empty } = fields[name]
  if (typeof empty === 'string') return text
  return text === '' ? null : JSON.parse(text)
}

for (const format of ['jsonl', 'csv']) {
  sinkContract(`file (${format})`, {
    definition: file,
    async fresh(t) {
      const folder = await scratch(t)
      return { options: { folder, format }, stored: () => recordsIn(folder) }
    },
  })
}

async function openFiles(t: TestContext, options: Record<string, unknown> = {}) {
  const folder = await scratch(t)
  const harness: SinkHarness = {
    definition: file,
    fresh: async () => ({ options: { folder, ...options }, stored: () => recordsIn(folder) }),
  }
  const delivery = await openDelivery(harness, await harness.fresh(t))
  t.after(() => delivery[Symbol.asyncDispose]())
  return {
    folder,
    delivery,
    names: () => namesIn(folder),
    text: async () => (await Promise.all((await namesIn(folder)).map((name) => textOf(folder, name)))).join(''),
    path: async () => join(folder, (await namesIn(folder)).at(-1) ?? ''),
  }
}

const someRecords = (count: number, overrides: Partial<RequestRecord> = {}) =>
  Array.from({ length: count }, () => aRecord(overrides))

const ts = Date.UTC(2026, 9, 4, 9, 19, 32) * 1000

test('a file is named by prefix, shard, time and place in the log, and a link leads to it', async (t) => {
  const { folder, delivery, names } = await openFiles(t, { prefix: 'access' })
  const block = aBlock([aRecord({ ts })], { incarnation: '01890000-0000-7000-8000-00003f2a9c1b', seq: 42 })
  await delivery.deliver(block)
  assert.deepEqual(await names(), ['access-0-20261004T091932Z-3f2a9c1b-42.jsonl'])
  assert.equal(await readFile(join(folder, 'access-0.jsonl'), 'utf8'), `${JSON.stringify(block.records[0])}\n`)
})

test('blocks are appended to one file until it is large enough', async (t) => {
  const { folder, delivery, names } = await openFiles(t, { rotate: { bytes: 1000 } })
  let block = aBlock(someRecords(1))
  for (let i = 0; i < 5; i++) {
    await delivery.deliver(block)
    block = nextBlock(block, someRecords(1))
  }
  assert.equal((await names()).length, 3)
  assert.equal((await recordsIn(folder)).length, 5)
  assert.equal(
    await readFile(join(folder, 'requests-0.jsonl'), 'utf8'),
    await readFile(join(folder, (await names()).at(-1) ?? ''), 'utf8'),
  )
})

test('a file that was begun long ago gets no further block', async (t) => {
  const { delivery, names } = await openFiles(t, { rotate: { hours: 2 } })
  const first = aBlock(someRecords(1))
  const hour = 3_600_000
  await delivery.deliver(first)
  const second = { ...nextBlock(first, someRecords(1)), appendedAtMs: first.appendedAtMs + 1.9 * hour }
  await delivery.deliver(second)
  assert.equal((await names()).length, 1)
  await delivery.restart()
  await delivery.deliver({ ...nextBlock(second, someRecords(1)), appendedAtMs: first.appendedAtMs + 2 * hour })
  assert.equal((await names()).length, 2)
})

test('what an attempt left half written is cut off by the next process', async (t) => {
  const { folder, delivery, path } = await openFiles(t)
  const first = aBlock(someRecords(2))
  await delivery.deliver(first)
  const torn = nextBlock(first, someRecords(3))
  await delivery.write(torn)
  await truncate(await path(), (await stat(await path())).size - 100)
  await delivery.restart()
  await delivery.deliver(again(torn))
  await delivery.holds([...first.records, ...torn.records])
  assert.equal((await recordsIn(folder)).length, 5)
})

test('a block that begins a file and is sent again by the next process begins it again', async (t) => {
  const { delivery, names } = await openFiles(t, { rotate: { bytes: 1 } })
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  const second = nextBlock(first, someRecords(4))
  await delivery.write(second)
  await delivery.restart()
  const half = { ...again(second), token: 'half', records: second.records.slice(0, 2) }
  await delivery.deliver(half)
  await delivery.deliver(nextBlock(half, second.records.slice(2)))
  await delivery.holds([...first.records, ...second.records])
  assert.equal((await names()).length, 3)
})

for (const [what, before, after] of [
  ['in the same file', {}, { rotate: { bytes: 1 } }],
  ['in a file of its own', { rotate: { bytes: 1 } }, {}],
  ['in another format', {}, { format: 'csv' }],
  ['with other fields', {}, { fields: ['id'] }],
] as const) {
  test(`a block that was written ${what} and is sent again under other options is there once`, async (t) => {
    const folder = await scratch(t)
    const states = new Map<string, Uint8Array>()
    const blocks: Block[] = [aBlock(someRecords(2))]
    blocks.push(nextBlock(blocks[0]!, someRecords(3))) // just made
    const write = async (options: object, block: Block) => {
      const context = { name: 'file', log: () => {}, dataDir: folder }
      await using sink = await file.open(file.options.parse({ folder, ...options }), context)
      sink.acquired?.('0', new Map(states))
      return await sink.write(block, AbortSignal.timeout(10_000))
    }
    for (const [key, value] of (await write(before, blocks[0]!))?.state ?? []) states.set(key, value)
    await write(before, blocks[1]!)
    await write(after, again(blocks[1]!))
    const ids = (await recordsIn(folder)).map(({ id }) => id)
    assert.deepEqual(ids.sort(), blocks.flatMap(({ records }) => records.map(({ id }) => id)).sort())
  })
}

test('a file that somebody moved away or cut is left alone, and a new one begun', async (t) => {
  const { folder, delivery, names, path } = await openFiles(t)
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  await rename(await path(), join(folder, 'moved'))
  const second = nextBlock(first, someRecords(1))
  await delivery.deliver(second)
  await delivery.holds([...first.records, ...second.records])
  await unlink(join(folder, 'moved'))
  await truncate(await path(), 10)
  const third = nextBlock(second, someRecords(1))
  await delivery.deliver(third)
  assert.equal((await names()).length, 2)
  assert.equal(await readFile(join(folder, 'requests-0.jsonl'), 'utf8'), `${JSON.stringify(third.records[0])}\n`)
})

test('files of an earlier log are not touched', async (t) => {
  const { delivery, names } = await openFiles(t)
  const records = someRecords(2)
  await delivery.deliver(aBlock(records, { incarnation: 'first' }))
  const before = await names()
  await delivery.deliver({ ...aBlock(records, { incarnation: 'second' }), shard: '1' })
  assert.equal((await names()).length, 2)
  assert.ok((await names()).includes(before[0] ?? ''))
})

test('a full disk is waited for, and holds no half block', async (t) => {
  const { folder, delivery } = await openFiles(t)
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  const second = { ...nextBlock(first, someRecords(2)), appendedAtMs: first.appendedAtMs + 25 * 3_600_000 }
  const full = join(folder, fileName({ prefix: 'requests', format: 'jsonl' }, second, second.records[0]!)) // just made
  await symlink('/dev/full', full)
  await assert.rejects(delivery.write(second), (error) => {
    assert.ok(error instanceof RetryableError)
    assert.match(error.message, /disk is full under .*Make room there, or keep fewer files/)
    return true
  })
  await unlink(full)
  await delivery.deliver(second)
  await delivery.holds([...first.records, ...second.records])
})

test('a folder that cannot be is a matter for the operator', async (t) => {
  const folder = await scratch(t)
  await writeFile(folder, 'a file stands here')
  const context = { name: 'file', log: () => {}, dataDir: folder }
  await using sink = await file.open(file.options.parse({ folder: join(folder, 'below') }), context)
  sink.acquired?.('0', new Map())
  await assert.rejects(sink.write(aBlock(someRecords(1)), AbortSignal.timeout(10_000)), (error) => {
    assert.ok(error instanceof HaltError)
    assert.match(
      error.message,
      /cannot be written to .* \(ENOTDIR\)\. Let this user write there, or choose another folder/,
    )
    return true
  })
})

test('without a folder of its own it writes into the data folder', async (t) => {
  const dataDir = join(await scratch(t), '..')
  await using sink = await file.open(file.options.parse({}), { name: 'file', log: () => {}, dataDir })
  sink.acquired?.('0', new Map())
  await sink.write(aBlock(someRecords(1)), AbortSignal.timeout(10_000))
  assert.equal((await namesIn(join(dataDir, 'files'))).length, 1)
})

test('a block of which nothing could be decoded begins no file', async (t) => {
  const { delivery, names } = await openFiles(t)
  await delivery.deliver(aBlock([]))
  assert.deepEqual(await names(), [])
})

test('something that stands where the link should be is left alone', async (t) => {
  const { folder, delivery, path } = await openFiles(t, { rotate: { bytes: 1 } })
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  await unlink(join(folder, 'requests-0.jsonl'))
  await writeFile(join(folder, 'requests-0.jsonl'), 'mine')
  await delivery.deliver(nextBlock(first, someRecords(1)))
  assert.ok((await lstat(join(folder, 'requests-0.jsonl'))).isFile())
  assert.equal(await readFile(join(folder, 'requests-0.jsonl'), 'utf8'), 'mine')
  assert.ok(await path())
})

test('complete files are compressed, the newest one is not', async (t) => {
  const { folder, delivery, names } = await openFiles(t, { rotate: { bytes: 1 }, gzip: true })
  let block = aBlock(someRecords(3))
  const records: RequestRecord[] = []
  for (let i = 0; i < 4; i++) {
    await delivery.deliver(block)
    records.push(...block.records)
    block = nextBlock(block, someRecords(3))
  }
  await until(async () => (await names()).filter((name) => name.endsWith('.jsonl.gz')).length === 3)
  await until(async () => (await names()).length === 4, { what: 'the originals to be gone' })
  assert.ok((await names()).every((name, i, all) => name.endsWith('.gz') === i < all.length - 1))
  assert.deepEqual((await recordsIn(folder)).map(({ id }) => id).sort(), records.map(({ id }) => id).sort())
})

test('a compression that was cut short is done again', async (t) => {
  const { delivery, names, path, folder } = await openFiles(t, { rotate: { bytes: 1 }, gzip: true })
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  const complete = await path()
  await writeFile(`${complete}.gz.part`, 'half')
  await writeFile(`${complete}.gz`, 'a whole one, whose original was not yet removed')
  const second = nextBlock(first, someRecords(1))
  await delivery.deliver(second)
  await until(async () => (await names()).length === 2)
  assert.deepEqual(
    (await recordsIn(folder)).map(({ id }) => id).sort(),
    [first, second].map(({ records }) => records[0]?.id).sort(),
  )
})

test('only so many complete files are kept, the newest ones, and none of another shard or name', async (t) => {
  const { folder, delivery, names } = await openFiles(t, { rotate: { bytes: 1 }, keep: { files: 2 } })
  await delivery.deliver(aBlock(someRecords(1), { shard: '1' }))
  await writeFile(join(folder, 'requests-notes.txt'), 'mine')
  let block = aBlock(someRecords(1, { ts }))
  for (let i = 0; i < 6; i++) {
    await delivery.deliver(block)
    block = nextBlock(block, someRecords(1, { ts: ts + i * 1_000_000 }))
  }
  const ofShard = async () => (await names()).filter((name) => name.startsWith('requests-0-'))
  await until(async () => (await ofShard()).length === 3, { what: 'two complete files and the newest' })
  const seqs = (await ofShard()).map((name) => Number(/-(\d+)\.jsonl$/.exec(name)?.[1]))
  assert.deepEqual(seqs, [3, 4, 5])
  assert.ok((await names()).includes('requests-notes.txt'))
  assert.equal((await names()).filter((name) => name.startsWith('requests-1-')).length, 1)
})

test('complete files go when they are old, also when there is nothing new to complete', async (t) => {
  const { delivery, names, path } = await openFiles(t, { rotate: { bytes: 1 }, keep: { days: 1 } })
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  const old = await path()
  const second = nextBlock(first, someRecords(1))
  await delivery.deliver(second)
  assert.equal((await names()).length, 2)
  const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600
  await utimes(old, twoDaysAgo, twoDaysAgo)
  await delivery.restart()
  await delivery.deliver(nextBlock(second, someRecords(1)))
  await until(() => !existsSync(old))
  assert.equal((await names()).length, 2)
})

test('CSV has one header for each file', async (t) => {
  const { delivery, text } = await openFiles(t, { format: 'csv', fields: ['method', 'status', 'path'] })
  const first = aBlock([aRecord({ path: '/a,"b"\r\n' })])
  await delivery.deliver(first)
  await delivery.restart()
  await delivery.deliver(nextBlock(first, [aRecord({ method: 'POST', status: 201, path: '' })]))
  assert.equal(await text(), 'method,status,path\r\nGET,200,"/a,""b""\r\n"\r\nPOST,201,\r\n')
})

test('CSV can be made safe for spreadsheets, and else says what came', async (t) => {
  const evil = ['=cmd|calc', '+1', '-', '@SUM(A1)', '\t=1', '＝1', 'plain']
  const fieldsOfText = { format: 'csv', fields: ['userAgent', 'status'] }
  const guarded = await openFiles(t, { ...fieldsOfText, guardFormulas: true })
  await guarded.delivery.deliver(aBlock(evil.map((userAgent) => aRecord({ userAgent }))))
  const lines = (await guarded.text()).split('\r\n')
  assert.deepEqual(
    lines.slice(1, -1),
    evil.map((text) => (text === 'plain' ? 'plain,200' : `'${text},200`)),
  )
  const plain = await openFiles(t, fieldsOfText)
  await plain.delivery.deliver(aBlock([aRecord({ userAgent: '=1' })]))
  assert.match(await plain.text(), /^=1,200\r$/m)
})

test('JSON lines hold the chosen fields in their order, or all', async (t) => {
  const chosen = await openFiles(t, { fields: ['status', 'id'] })
  const record = aRecord()
  await chosen.delivery.deliver(aBlock([record]))
  assert.equal(await chosen.text(), `{"status":200,"id":"${record.id}"}\n`)
  const all = await openFiles(t)
  await all.delivery.deliver(aBlock([record]))
  assert.deepEqual(Object.keys(JSON.parse(await all.text())), fieldNames)
})

test('a misspelt field is refused with the one that was meant', () => {
  const { error } = file.options.safeParse({ fields: ['statsu'] })
  assert.match(z.prettifyError(error!), /no field "statsu"\. Did you mean "status"\?/) // without an error the match would fail
})
