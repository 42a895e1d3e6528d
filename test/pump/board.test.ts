import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import type { Ledger, ShardReport } from '../../buffer/ledger.ts'
import { openBoard } from '../../pump/board.ts'
import { expose } from '../../runtime/exposition.ts'

function aReport(ledger: Partial<Ledger>): ShardReport {
  const counts = { appended: 0, delivered: 0, filtered: 0, deadLettered: 0, evicted: 0, backlog: 0, deadLettersHeld: 0 }
  const ledgers = [{ sink: 'file', ...counts, oldestAtMs: undefined, ...ledger }]
  return { shard: '0', ledgers, producers: [], bytes: 0, maxBytes: 1, cumulative: counts.appended }
}

async function page(registry: Registry): Promise<string> {
  return (await Array.fromAsync(expose('text', registry))).join('')
}

test('a scrape shows the ledgers as they are now, and asks for them once', async () => {
  const registry = new Registry()
  let settled = 0
  let asked = 0
  openBoard(registry, ['file'], async () => {
    asked++
    await Promise.resolve()
    return [aReport({ appended: 10, delivered: settled, backlog: 10 - settled })]
  })
  assert.match(await page(registry), /^penstock_lag_records\{sink="file",shard="0"\} 10$/m)
  settled = 10
  const after = await page(registry)
  assert.match(after, /^penstock_lag_records\{sink="file",shard="0"\} 0$/m)
  assert.match(after, /^penstock_reader_delivered_records\{sink="file",shard="0"\} 10$/m)
  assert.equal(asked, 2)
})

test('what cannot be read is left out rather than shown old', async () => {
  const registry = new Registry()
  let reports = [aReport({ appended: 10, backlog: 10 })]
  openBoard(registry, ['file'], async () => reports)
  await page(registry)
  reports = []
  assert.doesNotMatch(await page(registry), /^penstock_(lag|reader|conservation)\w*\{/m)
})
