import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newRecordId } from '../../record/id.ts'
import { idSumModulus, idSumOf, MinuteSums } from '../../record/minute-sum.ts'

test('an id counts as its last twelve digits, in either case', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const expected = Number.parseInt(id.slice(24), 16)
      assert.equal(idSumOf(id), expected)
      assert.equal(idSumOf(id.toUpperCase()), expected)
    }),
  )
})

test('sums stand by minute, modulo 2^48, whatever the order of the records', () => {
  const ids = Array.from({ length: 300 }, () => newRecordId())
  const records = ids.map((id, i) => ({ id, ts: 60_000_000 * (100 - (i % 3)) + i }))
  const sums = new MinuteSums()
  for (const record of records) sums.add(record)
  const expected = [98, 99, 100].map((minute) => {
    const own = records.filter(({ ts }) => Math.floor(ts / 60_000_000) === minute)
    const sum = own.reduce((sum, { id }) => sum + BigInt(`0x${id.slice(24)}`), 0n) % BigInt(idSumModulus)
    return { minute, records: own.length, idSum: Number(sum) }
  })
  assert.deepEqual(sums.toList(), expected)
})

test('a record that is taken back leaves nothing behind', () => {
  const sums = new MinuteSums()
  const [kept, gone, alone] = [newRecordId(), newRecordId(), newRecordId()]
  for (const id of [kept, gone]) sums.add({ id, ts: 0 })
  sums.add({ id: alone, ts: 60_000_000 })
  sums.remove({ id: gone, ts: 0 })
  sums.remove({ id: alone, ts: 60_000_000 })
  assert.deepEqual(sums.toList(), [{ minute: 0, records: 1, idSum: idSumOf(kept) }])
})
