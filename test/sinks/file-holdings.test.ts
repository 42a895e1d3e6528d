import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { aRecord } from '../../record/sample.ts'
import file from '../../sinks/file/file.ts'
import { scratchFolder } from '../scratch.ts'
import { aBlock, nextBlock, patience } from './delivery.ts'
import { namesIn, openFiles, recordsIn, scratch, someRecords } from './file-delivery.ts'
import { holdingsContract, openHoldings, sumsOf } from './holdings-contract.ts'

async function textIn(folder: string): Promise<string> {
  const texts = await Promise.all(
    (await namesIn(folder)).map(async (name) => {
      const bytes = await readFile(join(folder, name))
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
    }),
  )
  return texts.join('')
}

for (const format of ['jsonl', 'csv']) {
  holdingsContract(`file (${format})`, {
    definition: file,
    beside: true,
    async fresh(t) {
      const folder = await scratch(t)
      return { options: { folder, format }, stored: () => recordsIn(folder) }
    },
    text: ({ options }) => textIn(String(options.folder)),
  })
}

const mallory = { org: 'default', consumer: 'mallory' }
const minutesAround = () => ({ from: Math.floor(Date.now() / 60_000) - 10, to: Math.floor(Date.now() / 60_000) + 10 })

test('an erasure reaches compressed files and drafts of them, and leaves every file its age', async (t) => {
  const { folder, delivery } = await openFiles(t, { rotate: { bytes: 1 } })
  const theirs = [aRecord({ ...mallory }), aRecord()]
  const first = aBlock(theirs)
  await delivery.deliver(first)
  await delivery.deliver(nextBlock(first, someRecords(1)))
  const [name = ''] = (await namesIn(folder)).filter((one) => one.endsWith('-0.jsonl'))
  const text = await readFile(join(folder, name))
  await writeFile(join(folder, `${name}.gz`), gzipSync(text))
  await writeFile(join(folder, `${name}.gz.part`), text)
  const { mtimeMs } = await stat(join(folder, `${name}.gz`))

  await using holdings = await openHoldings(file, { options: { folder } }, await scratchFolder(t))
  const before = await holdings.minutes(minutesAround(), patience())
  assert.deepEqual((await holdings.erase(mallory, patience())).overwritten, 1)
  assert.equal(Math.trunc((await stat(join(folder, `${name}.gz`))).mtimeMs), Math.trunc(mtimeMs))
  assert.deepEqual(
    (await readdir(folder)).filter((one) => one.endsWith('.part') || one.endsWith('.erasing')),
    [],
  )
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), before)
  assert.doesNotMatch(await textIn(folder), /mallory/)
})

test('a file that was compressed and not yet removed counts once', async (t) => {
  const { folder, delivery } = await openFiles(t)
  const records = someRecords(2)
  await delivery.deliver(aBlock(records))
  const [name = ''] = await namesIn(folder)
  await writeFile(join(folder, `${name}.gz`), gzipSync(await readFile(join(folder, name))))
  await using holdings = await openHoldings(file, { options: { folder } }, await scratchFolder(t))
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records))
})

test('a line that is still being written is no record yet', async (t) => {
  const { folder, delivery, path } = await openFiles(t)
  const records = someRecords(2)
  await delivery.deliver(aBlock(records))
  await writeFile(await path(), '{"id":"0199', { flag: 'a' })
  await using holdings = await openHoldings(file, { options: { folder } }, await scratchFolder(t))
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records))
})

test('separators of lines within a text end no row', async (t) => {
  for (const format of ['jsonl', 'csv']) {
    const { folder, delivery } = await openFiles(t, { format })
    const records = [aRecord({ ...mallory, userAgent: 'a\u2028b\nc"d,\r\n', tags: { a: '=1\n"' } }), aRecord()]
    await delivery.deliver(aBlock(records))
    await using holdings = await openHoldings(file, { options: { folder, format } }, await scratchFolder(t))
    assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records))
    assert.equal((await holdings.erase(mallory, patience())).overwritten, 1)
    assert.deepEqual(
      (await recordsIn(folder)).map(({ id }) => id),
      records.map(({ id }) => id),
    )
  }
})

test('what files of limited number or age cannot say is told', async (t) => {
  const { folder, delivery } = await openFiles(t, { rotate: { bytes: 1 } })
  let block = aBlock(someRecords(1))
  for (let i = 0; i < 3; i++) {
    await delivery.deliver(block)
    block = nextBlock(block, someRecords(1))
  }
  const horizon = async (options: Record<string, unknown>) => {
    await using holdings = await openHoldings(file, { options: { folder, ...options } }, await scratchFolder(t))
    return await holdings.horizon(patience())
  }
  const nowMinute = Math.floor(Date.now() / 60_000)
  assert.equal(await horizon({}), undefined)
  assert.equal(await horizon({ keep: { files: 10 } }), undefined)
  assert.ok(((await horizon({ keep: { files: 3 } }))?.minute ?? 0) > nowMinute - 3)
  assert.ok(Math.abs(((await horizon({ keep: { days: 1 } }))?.minute ?? 0) - (nowMinute - 1440)) <= 2)
  assert.match((await horizon({ fields: ['status', 'ts'] }))?.because ?? '', /fields leaves out id/)
})

test('a folder that is not there holds nothing', async (t) => {
  const folder = join(await scratchFolder(t), 'nowhere')
  await using holdings = await openHoldings(file, { options: { folder } }, await scratchFolder(t))
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), [])
  assert.deepEqual(await holdings.erase(mallory, patience()), { removed: 0, overwritten: 0, notes: [] })
})
