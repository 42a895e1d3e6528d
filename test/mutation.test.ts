import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { bufferMutations } from './buffer/mutations.ts'
import { pumpMutations } from './pump/mutations.ts'

const root = resolve(import.meta.dirname, '..')

test('every mutation can still be made: what it replaces stands in its file once', () => {
  for (const { says, file, search, replacement } of [...bufferMutations, ...pumpMutations]) {
    const parts = readFileSync(join(root, file), 'utf8').split(search)
    assert.equal(parts.length, 2, `"${says}" cannot be made any more: keep it in step with ${file}`)
    assert.notEqual(replacement, search)
  }
})
