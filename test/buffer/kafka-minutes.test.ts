import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hourGroup } from '../../buffer/kafka/keys.ts'
import { addMinutes, withMinutes, withoutHours } from '../../buffer/kafka/minutes.ts'
import type { Partition } from '../../buffer/kafka/partition.ts'
import { decodeState } from '../../buffer/kafka/stored.ts'
import { Table } from '../../buffer/kafka/table.ts'
import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'

/** A ledger that no broker keeps. */
function aLedger() {
  const table = new Table({ topic: 'state', number: 0 } as Partition, decodeState) // nothing is fetched
  let offset = 0
  const apply = (messages: ReturnType<typeof withMinutes>) =>
    table.apply(messages.map((message) => ({ ...message, offset: offset++, atMs: 0 })))
  return {
    table,
    add: (...minutes: MinuteSum[]) => apply(withMinutes(table, 'a', minutes)),
    forget: (hour: number) => apply(withoutHours(table, 'a', hour)),
    read(from = 0, to = 1e9) {
      const sums = new Map<number, MinuteSum>()
      addMinutes(sums, table, 'a', { from, to })
      return [...sums.values()]
    },
  }
}

test('the minutes of an hour stand under one key', () => {
  const { table, add, read } = aLedger()
  const minutes = Array.from({ length: 120 }, (_, i) => ({ minute: 600 + i, records: i + 1, idSum: idSumModulus - 1 }))
  for (const minute of minutes) add(minute)
  assert.equal([...table.keysOf(hourGroup('a'))].length, 2)
  assert.deepEqual(read(), minutes)
})

test('what is added to a minute is summed up, and a range is read', () => {
  const { add, read } = aLedger()
  add({ minute: 59, records: 1, idSum: 5 }, { minute: 60, records: 2, idSum: idSumModulus - 1 })
  add({ minute: 60, records: 3, idSum: 3 }, { minute: 61, records: 1, idSum: 0 })
  assert.deepEqual(read(60, 61), [{ minute: 60, records: 5, idSum: 2 }])
})

test('hours that the ledger keeps no longer go', () => {
  const { add, forget, read } = aLedger()
  add({ minute: 59, records: 1, idSum: 1 }, { minute: 60, records: 1, idSum: 1 })
  forget(1)
  assert.deepEqual(read(), [{ minute: 60, records: 1, idSum: 1 }])
})
