import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, sumOf } from '../../../pump/audit/explain.ts'
import { newRecordId } from '../../../record/id.ts'

const ids = (count: number) => Array.from({ length: count }, () => newRecordId())
const once = (list: readonly string[]) => new Map(list.map((id) => [id, 1]))
const nothing = { missing: [], doubled: [], unknown: [], unnamedMissing: 0, unnamedUnknown: 0 }

function judged(
  delivered: readonly string[],
  held: ReadonlyMap<string, number>,
  others: readonly string[] = delivered,
) {
  return explain({ expected: sumOf(delivered), held, others: new Set(others), isVouchedFor: others.length > 0 })
}

test('what is held as it was delivered needs no explanation, whatever others have', () => {
  const all = ids(5)
  assert.deepEqual(judged(all, once(all)), nothing)
  assert.deepEqual(judged(all, once(all), [...all, ...ids(3)]), nothing)
  assert.deepEqual(judged(all, once(all), []), nothing)
})

test('every missing record is named where others have exactly what was delivered', () => {
  const all = ids(500)
  assert.deepEqual(judged(all, once(all.slice(100))).missing, all.slice(0, 100))
  assert.deepEqual(judged(all, new Map()).missing, all)
})

test('a record that is there twice is named by the sink’s own ids alone', () => {
  const [first = '', ...rest] = ids(4)
  assert.deepEqual(judged([first, ...rest], new Map([[first, 2], ...once(rest)]), []), { ...nothing, doubled: [first] })
})

test('missing, doubled and unknown records of one minute are told apart', () => {
  const [missing = '', doubled = '', ...rest] = ids(6)
  const [unknown = ''] = ids(1)
  const held = new Map([[doubled, 3], [unknown, 1], ...once(rest)])
  assert.deepEqual(judged([missing, doubled, ...rest], held), {
    ...nothing,
    missing: [missing],
    doubled: [doubled],
    unknown: [unknown],
  })
})

test('one or two missing records are found among many that were never meant for the sink, by the sum', () => {
  const all = ids(10)
  for (const count of [1, 2]) {
    const found = judged(all, once(all.slice(count)), [...ids(300), ...all, ...ids(300)])
    assert.deepEqual(found.missing.toSorted(), all.slice(0, count).toSorted())
  }
})

test('an unknown record is named by the sum where nobody else has the minute', () => {
  const all = ids(3)
  const extra = newRecordId()
  assert.deepEqual(judged(all, once([...all, extra]), []), { ...nothing, unknown: [extra] })
})

test('what nobody can name is counted', () => {
  const all = ids(10)
  assert.deepEqual(judged(all, once(all.slice(4)), []), { ...nothing, unnamedMissing: 4 })
  const replaced = judged(all, once([...all.slice(1), newRecordId()]), [])
  assert.deepEqual([replaced.unnamedMissing, replaced.unnamedUnknown], [1, 1])
})
