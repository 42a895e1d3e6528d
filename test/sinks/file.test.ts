import assert from 'node:assert/strict'
import { lstat, readdir, readFile, rename, stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import file from '../../sinks/file/file.ts'
import { fileName } from '../../sinks/file/name.ts'
import { type Block, HaltError, RejectedError, RetryableError } from '../../sinks/sink.ts'
import { sinkContract } from './contract.ts'
import { aBlock, again, nextBlock } from './delivery.ts'
import { namesIn, openFiles, recordsIn, scratch, someRecords, ts } from './file-delivery.ts'

for (const format of ['jsonl', 'csv']) {
  sinkContract(`file (${format})`, {
    definition: file,
    async fresh(t) {
      const folder = await scratch(t)
      return { options: { folder, format }, stored: () => recordsIn(folder) }
    },
  })
}

test('a file is named by prefix, shard, time and place in the log, and a link leads to it', async (t) => {
  const { folder, delivery, names } = await openFiles(t, { prefix: 'access' })
  const block = aBlock([aRecord({ ts })], { incarnation: '01890000-0000-7000-8000-00003f2a9c1b', seq: 42 })
  await delivery.deliver(block)
  assert.deepEqual(await names(), ['access-0-20261004T091932Z-3f2a9c1b-42.jsonl'])
  assert.equal(await readFile(join(folder, 'access-0.newest'), 'utf8'), `${JSON.stringify(block.records[0])}\n`)
})

test('whoever reads every file with the ending of the format reads each record once', async (t) => {
  const { folder, delivery } = await openFiles(t)
  const block = aBlock(someRecords(2))
  await delivery.deliver(block)
  const endings = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'))
  const texts = await Promise.all(endings.map((name) => readFile(join(folder, name), 'utf8')))
  assert.equal(texts.join(''), block.records.map((record) => `${JSON.stringify(record)}\n`).join(''))
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

test('an owner that goes on without knowing that it lost the shard cuts off nothing of the next one’s', async (t) => {
  const { folder, delivery } = await openFiles(t)
  const first = aBlock(someRecords(2))
  const written = await delivery.write(first)
  delivery.sink.settled?.(first)
  const second = nextBlock(first, someRecords(2))
  const third = nextBlock(second, someRecords(3))
  const stopped = delivery.sink
  await using next = await file.open(file.options.parse({ folder }), { name: 'next', log: noLog, dataDir: folder })
  next.acquired?.('0', written?.state ?? new Map())
  for (const block of [again(second), third]) {
    await next.write(block, AbortSignal.timeout(10_000))
    next.settled?.(block)
  }
  await stopped.write(second, AbortSignal.timeout(10_000))
  const held = (await recordsIn(folder)).map(({ id }) => id)
  assert.deepEqual(
    held,
    [first, second, third].flatMap(({ records }) => records.map(({ id }) => id)),
  )
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
  assert.equal(await readFile(join(folder, 'requests-0.newest'), 'utf8'), `${JSON.stringify(third.records[0])}\n`)
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

test('a record that cannot be written is named, and nothing of its block is left', async (t) => {
  const { delivery, path } = await openFiles(t)
  const first = aBlock(someRecords(1))
  await delivery.deliver(first)
  const { size } = await stat(await path())
  const records = someRecords(3000)
  records[2900] = { ...aRecord(), bytesIn: (2n ** 60n) as unknown as number } // as a foreign writer's frame decodes
  const second = nextBlock(first, records)
  await assert.rejects(delivery.write(second), (error) => {
    assert.ok(error instanceof RejectedError)
    assert.deepEqual(error.indexes, [2900])
    return true
  })
  assert.equal((await stat(await path())).size, size)
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
  await unlink(join(folder, 'requests-0.newest'))
  await writeFile(join(folder, 'requests-0.newest'), 'mine')
  await delivery.deliver(nextBlock(first, someRecords(1)))
  assert.ok((await lstat(join(folder, 'requests-0.newest'))).isFile())
  assert.equal(await readFile(join(folder, 'requests-0.newest'), 'utf8'), 'mine')
  assert.ok(await path())
})
