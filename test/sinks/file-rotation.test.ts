import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RequestRecord } from '../../record/fields.ts'
import { until } from '../services/until.ts'
import { aBlock, nextBlock } from './delivery.ts'
import { openFiles, recordsIn, someRecords, ts } from './file-delivery.ts'

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
    await readFile(join(folder, 'requests-0.newest'), 'utf8'),
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
