import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

test('the gateway keeps all of its promises with our own client too', async (t) => {
  const files = globSync(join(import.meta.dirname, '..', '*.test.ts'))
  assert.ok(files.length > 10)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env // a test within this one's process would say nothing
  const { promise, resolve } = Promise.withResolvers<string>()
  const options = { env: { ...env, PENSTOCK_TEST_CLIENT: 'lean' }, signal: t.signal }
  execFile(process.execPath, ['--test', '--test-concurrency=1', ...files], options, (_error, out) => resolve(out))
  const report = await promise
  assert.match(report, /^\S+ fail 0$/m, report)
  assert.match(report, /^\S+ pass \d{3}$/m)
})
