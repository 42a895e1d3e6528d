import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StoredFile } from '../../../sinks/store/manifest.ts'
import { mergeOfClosedHour, mergeOfOpenHour } from '../../../sinks/store/merge-plan.ts'

const maxBoundBytes = 128 * 1024 * 1024
let made = 0

function aFile(rows: number): StoredFile {
  const boundBytes = 200_000 + rows * 800
  const times = { minTsUs: 0, maxTsUs: 0, madeAtMs: 0 }
  return { name: `${++made}`, hour: 0, columns: 37, rows, bytes: rows * 60, boundBytes, ...times }
}

const sum = (files: readonly StoredFile[], field: 'rows' | 'boundBytes') =>
  files.reduce((total, file) => total + file[field], 0)

/** Merges until there is nothing to do; counts how many rows were written. */
function settle(files: readonly StoredFile[], plan: typeof mergeOfOpenHour): { files: StoredFile[]; written: number } {
  let now = [...files]
  let written = 0
  for (;;) {
    const group = plan(now, maxBoundBytes)
    if (group.length === 0) return { files: now, written }
    assert.ok(group.length > 1 && sum(group, 'boundBytes') <= maxBoundBytes)
    const merged = { ...aFile(sum(group, 'rows')), boundBytes: sum(group, 'boundBytes') }
    now = [...now.filter((file) => !group.includes(file)), merged]
    written += merged.rows
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 200 })

test('merging comes to an end and keeps every record, whatever the sizes', () => {
  const holds = (rows: readonly number[]) => {
    const files = rows.map(aFile)
    for (const plan of [mergeOfOpenHour, mergeOfClosedHour])
      assert.equal(sum(settle(files, plan).files, 'rows'), sum(files, 'rows'))
  }
  fc.assert(fc.property(sizes, holds))
})

for (const { rate, everyS } of [
  { rate: 1, everyS: 2 },
  { rate: 50, everyS: 2 },
  { rate: 2000, everyS: 2 },
  { rate: 20_000, everyS: 1 },
]) {
  test(`an hour of ${rate} requests/s never has many small files, and no record is written more than six times`, () => {
    let files: StoredFile[] = []
    let written = 0
    let most = 0
    for (let at = 0; at < 3600; at += everyS) {
      files.push(aFile(rate * everyS))
      const settled = settle(files, mergeOfOpenHour)
      files = settled.files
      written += settled.written
      most = Math.max(most, files.filter(({ rows }) => rows < 4096).length)
    }
    assert.ok(most <= 35, `${most} small files`) // seven of each of five sizes
    const closed = settle(files, mergeOfClosedHour)
    assert.ok(written + closed.written <= 6 * 3600 * rate, `${(written + closed.written) / 3600 / rate} times`)
    assert.ok(closed.files.filter(({ boundBytes }) => boundBytes <= maxBoundBytes / 2).length <= 1)
  })
}
