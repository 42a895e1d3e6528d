import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import file from '../../sinks/file/file.ts'
import store from '../../sinks/store/store.ts'
import { scratchFolder } from '../scratch.ts'
import { harness as clickhouse } from '../sinks/clickhouse/place.ts'
import { someRecords } from '../sinks/contract.ts'
import { aBlock, nextBlock, openDelivery, type SinkHarness, type SinkPlace } from '../sinks/delivery.ts'
import { mongoHarness } from '../sinks/mongo-place.ts'
import { otlpHarness } from '../sinks/otlp-place.ts'
import { harness as prometheus } from '../sinks/prometheus-delivery.ts'

const inFolder =
  (option: string) =>
  async (t: TestContext): Promise<SinkPlace> => ({
    options: { [option]: await scratchFolder(t) },
    stored: async () => [],
  })

const harnesses: Readonly<Record<string, SinkHarness>> = {
  prometheus,
  clickhouse,
  mongo: mongoHarness,
  otlp: otlpHarness,
  file: { definition: file, fresh: inFolder('folder') },
  store: { definition: store, fresh: inFolder('dir') },
}

const blocks = 10_000
/** Where the server of the tests takes some 40 ms for each, and MongoDB's ever more. */
const fewerBlocks: Readonly<Record<string, number>> = { clickhouse: 2000, mongo: 500, store: 3000 }
/** 8 MiB: what a collector may leave over; a tenth of the blocks that are sent meanwhile would be more. */
const mostGrowthBytes = 8 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void // what the flag exposes

function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

for (const [name, harness] of Object.entries(harnesses)) {
  const count = fewerBlocks[name] ?? blocks
  const settledIn = Math.min(1000, count / 5) // whatever is kept for good has been made
  test(`${name} takes ${count} blocks and holds on to none`, async (t) => {
    const { signal } = new AbortController() // one for all, as an owner's lease is
    await using delivery = await openDelivery(harness, await harness.fresh(t))
    let block = aBlock(someRecords(4))
    let before = 0
    for (let i = 0; i < count; i++) {
      await delivery.deliver(block, signal)
      block = nextBlock(block, someRecords(4))
      if (i === settledIn) before = heapBytes()
    }
    const growth = heapBytes() - before
    t.diagnostic(`${(growth / 1024).toFixed(0)} KiB more after ${count - settledIn} blocks`)
    assert.ok(growth < mostGrowthBytes, `the heap grew by ${growth} bytes`)
  })
}
