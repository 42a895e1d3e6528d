import assert from 'node:assert/strict'
import { test } from 'node:test'
import file from '../../sinks/file/file.ts'
import { scratchFolder } from '../scratch.ts'
import { examine } from './findings.ts'

test('files that are kept for ever, or not synced, are warnings', async (t) => {
  const dataDir = await scratchFolder(t)
  const byDefault = await examine(file, { rotate: { bytes: 1024 } }, dataDir)
  assert.deepEqual(byDefault.levels, { folder: 'ok', disk: 'ok', retention: 'warning' })
  const kept = await examine(file, { rotate: { bytes: 1024 }, keep: { days: 7, files: 3 }, fsync: false }, dataDir)
  assert.deepEqual(kept.levels, { folder: 'ok', disk: 'ok', retention: 'ok', fsync: 'warning' })
  assert.equal(
    kept.findings.find(({ what }) => what === 'retention')?.found,
    'Complete files are kept 7 days, up to 3 of each shard.',
  )
})

test('a file larger than the disk has room for is a warning that names the option', async (t) => {
  const { of } = await examine(file, { folder: await scratchFolder(t), rotate: { bytes: 2 ** 52 } })
  assert.equal(of('disk').advice, 'Make room, or lower rotate.bytes.')
})
