import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import store from '../../sinks/store/store.ts'
import { type SinkPlace, sinkContract, someRecords } from './contract.ts'
import { aBlock, openDelivery } from './delivery.ts'
import { readParquet } from './store/parquet-reader.ts'
import { aFolder } from './store/place.ts'

async function fresh(t: TestContext): Promise<SinkPlace> {
  const dir = await aFolder(t)
  return { options: { dir }, stored: () => readParquet(dir) }
}

sinkContract('store', { definition: store, fresh })

for (const format of ['text', 'openmetrics'] as const) {
  test(`a scrape in ${format} shows what the store holds and what it let go`, async (t) => {
    const place = await fresh(t)
    await using delivery = await openDelivery({ definition: store, fresh }, place)
    await delivery.deliver(aBlock(someRecords(3)))
    const page = [...(delivery.sink.expose?.(format) ?? [])].join('')
    assert.match(page, /^penstock_store_records\{sink="under-test"\} 3$/m)
    assert.match(page, /^penstock_store_max_bytes\{sink="under-test"\} 10737418240$/m)
    assert.match(page, /^penstock_store_let_go_records_total\{sink="under-test",reason="evicted"\} 0$/m)
    const family = format === 'text' ? 'penstock_store_let_go_records_total' : 'penstock_store_let_go_records'
    assert.ok(page.includes(`# TYPE ${family} counter\n`))
  })
}
