import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { diagnoseSqlite } from '../../buffer/sqlite/diagnose.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { scratchFolder } from '../scratch.ts'

const limits = { maxBytes: 1024 * 1024, limit: 'buffer.maxBytes' }

async function ofLog(dir: string) {
  const { findings, isOpenable } = await diagnoseSqlite({ dir, ...limits })
  return { log: findings.find(({ what }) => what === 'log'), isOpenable }
}

test('an examination makes nothing, and says so where there is no log yet', async (t) => {
  const dir = join(await scratchFolder(t), 'data')
  const { log, isOpenable } = await ofLog(dir)
  assert.deepEqual([log?.level, isOpenable], ['ok', false])
  assert.throws(() => new DatabaseSync(join(dir, 'buffer.db'), { readOnly: true }))
})

test('a log that is open elsewhere is found well, and can be opened', async (t) => {
  const dir = await scratchFolder(t)
  await using _ = await openSqliteBuffer({ dir, maxBytes: 1e6 })
  const { log, isOpenable } = await ofLog(dir)
  assert.deepEqual([log?.level, isOpenable], ['ok', true])
})

test('a log of a newer format, and one that is damaged, is an error and is not opened', async (t) => {
  const dir = await scratchFolder(t)
  {
    using db = new DatabaseSync(join(dir, 'buffer.db'))
    db.exec('PRAGMA user_version = 99')
  }
  const newer = await ofLog(dir)
  assert.match(newer.log?.found ?? '', /has format 99; this Penstock knows/)
  writeFileSync(join(dir, 'buffer.db'), 'no database at all, but text that is long enough'.repeat(40))
  const damaged = await ofLog(dir)
  assert.ok(damaged.log?.level === 'error')
  assert.match(damaged.log.advice, /move the file away/)
  assert.deepEqual([newer.isOpenable, damaged.isOpenable], [false, false])
})

test('a log of an older format is left to the next start', async (t) => {
  const dir = await scratchFolder(t)
  {
    using db = new DatabaseSync(join(dir, 'buffer.db'))
    db.exec('PRAGMA user_version = 1')
  }
  const { log, isOpenable } = await ofLog(dir)
  assert.deepEqual([log?.level, isOpenable], ['ok', false])
  assert.match(log?.found ?? '', /the next start brings it up to date/)
})

test('a disk with less room than the log may take is told', async (t) => {
  const { findings } = await diagnoseSqlite({
    dir: await scratchFolder(t),
    maxBytes: 2 ** 52,
    limit: 'buffer.maxBytes',
  })
  const disk = findings.find(({ what }) => what === 'disk')
  assert.ok(disk?.level === 'warning')
  assert.equal(disk.advice, 'Make room, or lower buffer.maxBytes.')
})
