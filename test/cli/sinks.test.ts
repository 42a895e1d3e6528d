import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { run } from './run.ts'

/** A configuration whose log knows a sink `warehouse` that the configuration does not. */
async function anOrphan(t: TestContext): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'penstock-cli-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  await using buffer = await openSqliteBuffer({ dir: dataDir, maxBytes: 1e9 })
  for (const sink of ['warehouse', 'store']) {
    await using _reader = await buffer.reader({ sink, shard: '0', owner: 'test', startAt: 'oldest' })
  }
  const file = join(dataDir, 'penstock.yaml')
  writeFileSync(file, `dataDir: ${JSON.stringify(dataDir)}\n`)
  return file
}

test('sinks that the log knows are listed, and one that is gone for good is retired', async (t) => {
  const config = await anOrphan(t)
  const names = async () => {
    const { out } = await run('sinks', 'list', '--config', config)
    return out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).sink)
      .sort()
  }
  assert.deepEqual(await names(), ['store', 'warehouse'])
  assert.equal((await run('sinks', 'retire', 'warehouse', '--config', config)).code, 0)
  assert.deepEqual(await names(), ['store'])
})

test('a sink of the configuration is not retired, and a misspelt one is answered with what was meant', async (t) => {
  const config = await anOrphan(t)
  const used = await run('sinks', 'retire', 'store', '--config', config)
  assert.deepEqual([used.code, /take it out and restart the pump/.test(used.errors)], [2, true])
  const misspelt = await run('sinks', 'retire', 'warehose', '--config', config)
  assert.deepEqual([misspelt.code, /Did you mean "warehouse"\?/.test(misspelt.errors)], [2, true])
})
