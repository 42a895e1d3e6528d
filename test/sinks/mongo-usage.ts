import type { Db } from 'mongodb'
import type { RequestRecord } from '../../record/fields.ts'
import { isCounted, isFailed } from '../../record/outcome.ts'
import { bucketOf } from '../../record/sketch.ts'

type Sums = Record<string, number>

/** What the documents say per hour, API, endpoint and consumer, over all logs and shards. */
export async function usageIn(db: Db): Promise<Map<string, Sums>> {
  const found = new Map<string, Sums>()
  for (const document of await db.collection('penstock_usage').find().toArray()) {
    const { org, hour, api, endpoint, consumer, status, h } = document
    const { calls, counted, failed, bytesIn, bytesOut, totalUsSum, totalUsMax } = document
    const sums = found.get([org, hour.toISOString(), api, endpoint, consumer].join()) ?? {}
    const plain = { calls, counted, failed, bytesIn, bytesOut, totalUsSum }
    for (const [name, count] of [plain, status, h].flatMap(Object.entries)) sums[name] = (sums[name] ?? 0) + count
    sums.totalUsMax = Math.max(sums.totalUsMax ?? 0, totalUsMax)
    if (calls > 0) found.set([org, hour.toISOString(), api, endpoint, consumer].join(), sums)
  }
  return found
}

/** The same, taken from the records by the shortest way. */
export function usageOf(records: readonly RequestRecord[]): Map<string, Sums> {
  const expected = new Map<string, Sums>()
  for (const record of records) {
    const { org, ts, api, endpoint, consumer, weight, totalUs } = record
    const hour = `${new Date(ts / 1000).toISOString().slice(0, 13)}:00:00.000Z`
    const key = [org, hour, api, endpoint, consumer].join()
    const sums = expected.get(key) ?? {
      calls: 0,
      counted: 0,
      failed: 0,
      bytesIn: 0,
      bytesOut: 0,
      totalUsSum: 0,
      totalUsMax: 0,
    }
    const add = (name: string, value: number) => {
      sums[name] = (sums[name] ?? 0) + value
    }
    add('calls', weight)
    add('counted', isCounted(record) ? weight : 0)
    add('failed', isFailed(record) ? weight : 0)
    add('bytesIn', weight * record.bytesIn)
    add('bytesOut', weight * record.bytesOut)
    add('totalUsSum', weight * totalUs)
    add(`${Math.floor(record.status / 100)}xx`, weight)
    add(`${bucketOf(totalUs)}`, weight)
    sums.totalUsMax = Math.max(sums.totalUsMax ?? 0, totalUs)
    expected.set(key, sums)
  }
  return expected
}
