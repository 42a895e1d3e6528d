import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder } from '../scratch.ts'
import { LedgerFile, readLedger } from './ledger.ts'

test('what a producer wrote down is read back, however it ended', async (t) => {
  const path = join(await scratchFolder(t), 'life')
  const boot = { producer: 'p', boot: 7 }
  using ledger = new LedgerFile(path, boot)
  ledger.making(10)
  for (let n = 0; n < 10; n++) ledger.recorded(n, n < 3 || (n >= 5 && n < 8))
  ledger.poison(2)
  ledger.durable(4)
  assert.deepEqual(readLedger(path), {
    ...{ boot, made: 10, durable: 4, end: undefined },
    refused: [
      [3, 5],
      [8, 10],
    ],
    poison: new Set([2]),
  })
})

test('a producer that was killed before it could write has left nothing', async (t) => {
  assert.equal(readLedger(join(await scratchFolder(t), 'life')), undefined)
})
