import assert from 'node:assert/strict'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDatabase } from '../../buffer/sqlite/database.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { aBoot, append, paths, pathsIn } from '../buffer/spooled.ts'
import { scratchFolder } from '../scratch.ts'

test('the local log waits for the disk with every commit', async (t) => {
  using db = openDatabase(await scratchFolder(t))
  assert.deepEqual({ ...db.sql.get`SELECT synchronous FROM pragma_synchronous` }, { synchronous: 2 }) // full
  assert.deepEqual({ ...db.sql.get`SELECT journal_mode FROM pragma_journal_mode` }, { journal_mode: 'wal' })
  assert.deepEqual({ ...db.sql.get`SELECT checkpoint_fullfsync AS off FROM pragma_checkpoint_fullfsync` }, { off: 0 }) // macOS alone
})

test('what an append has acknowledged is in the files of the moment, without the log being closed', async (t) => {
  const folder = await scratchFolder(t)
  await using log = await openSqliteBuffer({ dir: folder, maxBytes: 1024 ** 3, reserveBytes: 0 })
  const boot = aBoot()
  for (let i = 0; i < 20; i++) {
    await append(log, boot.frame(...paths(10, `${i}-`)))
    const copy = join(folder, `copy-${i}`)
    await mkdir(copy)
    for (const name of ['buffer.db', 'buffer.db-wal']) await cp(join(folder, name), join(copy, name)) // not the shared memory: a power cut takes it
    await using after = await openSqliteBuffer({ dir: copy, maxBytes: 1024 ** 3, reserveBytes: 0 })
    assert.equal((await pathsIn(after)).length, 10 * (i + 1))
  }
})
