import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { allProofs, faultsOf, readResults } from '../scripts/guarantee-results.ts'
import { testFiles } from '../scripts/test-files.ts'
import { hasTest } from '../scripts/test-titles.ts'
import { guarantees } from './guarantees.ts'

test('whatever shows a guarantee is a test that there is', () => {
  const files = new Map([...testFiles('all'), ...testFiles('long')].map((file) => [file.path, file]))
  const missing = allProofs.flatMap((proof) =>
    proof.files
      .filter((file) => !existsSync(file) || !hasTest(files.get(resolve(file))!, proof.test)) // every test file there is
      .map((file) => `${file}: ${proof.test}`),
  )
  assert.deepEqual(missing, [])
})

test('whatever shows a guarantee has passed when it was last run', () => {
  const results = readResults()
  assert.deepEqual(
    guarantees.flatMap((guarantee) => faultsOf(guarantee, results)),
    [],
    'run npm run guarantees',
  )
})

test('every event is told once', () => {
  assert.equal(new Set(guarantees.map(({ event }) => event)).size, guarantees.length)
})
