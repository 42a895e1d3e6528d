import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Unpackr } from 'msgpackr'

/** CPU seconds per 100,000 Tyk records that generic msgpack took where the limits of `limits.ts` were set. */
export const referenceCpuSeconds = 1

/** CPU seconds per 100,000 records for decoding real Tyk records with generic msgpack, here and now: the best of several passes. */
export function measureYardstick(): number {
  const records = readCommands(
    gunzipSync(readFileSync(join(import.meta.dirname, '../../test/data/tyk-records-20000.resp.gz'))),
  )
  const unpackr = new Unpackr({ useRecords: false })
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 7; pass++) {
    const before = process.cpuUsage()
    for (const record of records) unpackr.unpack(record)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, ((user + system) / 1e6) * (100_000 / records.length))
  }
  return best
}

/** The last argument of each command in Redis' wire format. */
function readCommands(wire: Buffer): Buffer[] {
  const values: Buffer[] = []
  let at = 0
  const line = () => {
    const end = wire.indexOf('\r\n', at)
    const text = wire.toString('latin1', at, end)
    at = end + 2
    return text
  }
  while (at < wire.length) {
    const parts = Number(line().slice(1))
    for (let part = 1; part <= parts; part++) {
      const bytes = Number(line().slice(1))
      if (part === parts) values.push(wire.subarray(at, at + bytes))
      at += bytes + 2
    }
  }
  return values
}
