import { randomUUID } from 'node:crypto'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'

const perFrame = 500

/** Fills a local buffer with records as a gateway of 20 APIs, 800 endpoints and 200 consumers leaves them in ten minutes. */
export async function fillBacklog(dir: string, count: number): Promise<void> {
  await using buffer = await openSqliteBuffer({ dir, maxBytes: 4e9 })
  await using writer = await buffer.writer()
  const producer = randomUUID()
  const startedAtMs = Date.now() - 600_000
  for (let seq = 0, made = 0; made < count; seq++) {
    const records = Array.from({ length: Math.min(perFrame, count - made) }, (_, i) =>
      plausible(made + i, startedAtMs + ((made + i) / count) * 600_000),
    )
    made += records.length
    const bytes = encodeFrame(records, { producer, boot: 1, seq, made })
    await writer.append([{ producer, boot: 1, seq, made, count: records.length, bytes }])
  }
}

const methods = ['GET', 'GET', 'GET', 'POST', 'PUT']
const statuses = [200, 200, 200, 200, 200, 200, 200, 201, 304, 404, 429, 500]

/** The n-th record: spread by multiplicative hashing, so that runs are alike without a seed. */
function plausible(n: number, atMs: number): RequestRecord {
  const spread = (max: number, salt: number) => ((n * 2654435761 + salt * 40503) >>> 7) % max
  const endpoint = Math.floor(spread(800, 1) * (spread(100, 2) / 100)) // some endpoints are called far more than others
  const method = methods[endpoint % methods.length] ?? 'GET'
  const route = `/v1/resource-${endpoint}/{id}`
  const owner = Math.floor(spread(200, 3) * (spread(100, 4) / 100))
  const consumer = `consumer-${owner}`
  const status = statuses[spread(statuses.length, 5)] ?? 200
  return aRecord({
    ts: Math.round(atMs * 1000),
    gateway: `gw-${Math.floor(n / perFrame) % 2}`, // a frame has one producer
    api: `api-${endpoint % 20}`,
    method,
    route,
    path: `/v1/resource-${endpoint}/${spread(100_000, 7)}`,
    status,
    ...(status === 429 ? { outcome: 'rate_limited' as const } : {}),
    consumer,
    team: `team-${owner % 30}`,
    keyId: `key-${consumer}`,
    totalUs: 800 + spread(60_000, 9) * (spread(10, 10) + 1),
    bytesOut: spread(20_000, 11),
    clientIp: `10.${spread(250, 12)}.${spread(250, 13)}.7`,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  })
}
