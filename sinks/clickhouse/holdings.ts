import type { MinuteSum } from '../../record/minute-sum.ts'
import type { Holdings, MinuteRange } from '../holdings.ts'
import { openConnection } from './connection.ts'
import { createErased, erase, hasTable } from './erase.ts'
import type { ClickHouseOptions } from './options.ts'
import { idTail, minuteOfRow, sumOfTails } from './sums.ts'
import { tables } from './tables.ts'

/** 5 days: of an answer the connection reads no more than 1 MiB, and a minute takes some 40 bytes of it. */
const minutesAtOnce = 7200
/** 20,000 ids are 0.8 MB. */
const idsAtOnce = 20_000

/** Before every id. */
const firstId = '00000000-0000-0000-0000-000000000000'
/** 10 minutes: a count over months, or a delete that rewrites their parts, is silent for longer than any insert. */
const patienceMs = 600_000

/** Opens what the tables hold, as the user that the options name. */
export async function openHoldings(options: ClickHouseOptions): Promise<Holdings> {
  const connection = await openConnection({ ...options, timeoutMs: Math.max(options.timeoutMs, patienceMs) })
  const { requests, erased } = tables(options)
  const within = 'ts >= fromUnixTimestamp64Micro({fromUs:Int64}) AND ts < fromUnixTimestamp64Micro({toUs:Int64})'
  const times = ({ from, to }: MinuteRange) => ({ fromUs: from * 60_000_000, toUs: to * 60_000_000 })

  return {
    minutes(range, signal) {
      const sql = `SELECT ${minuteOfRow} AS minute, count() AS records, ${sumOfTails(idTail)} AS id_sum FROM ${requests}
        WHERE ${within} GROUP BY minute ORDER BY minute FORMAT TSV`
      return sums(range, signal, (part) => connection.run(sql, signal, { parameters: times(part) }))
    },
    async *ids(minutes, signal) {
      const sql = `SELECT id, count() AS copies FROM ${requests} WHERE ${within} AND id > {last:UUID}
        GROUP BY id ORDER BY id LIMIT ${idsAtOnce} FORMAT TSV`
      for (const minute of minutes) {
        const range = times({ from: minute, to: minute + 1 })
        for (let last: string | undefined = firstId; last !== undefined; ) {
          const page = rowsOf(await connection.run(sql, signal, { parameters: { ...range, last } }))
          for (const [id = '', copies] of page) for (let i = 0; i < Number(copies); i++) yield { minute, id }
          last = page.length < idsAtOnce ? undefined : page.at(-1)?.[0]
        }
      }
    },
    async erased(range, signal) {
      if (!(await hasTable(connection, erased, signal))) return []
      // An erasure that was interrupted may have written its sums twice: each erasure counts once.
      const sql = `SELECT minute, sum(records), ${sumOfTails('id_sum')} FROM (
          SELECT erasure, minute, any(records) AS records, any(id_sum) AS id_sum FROM ${erased}
          WHERE minute >= {from:UInt32} AND minute < {to:UInt32} GROUP BY erasure, minute
        ) GROUP BY minute ORDER BY minute FORMAT TSV`
      return await sums(range, signal, ({ from, to }) => connection.run(sql, signal, { parameters: { from, to } }))
    },
    async horizon() {
      const { retentionDays } = options
      const minute = Math.ceil(Date.now() / 60_000) - retentionDays * 24 * 60
      return { minute, because: `records are kept for ${retentionDays} days (retentionDays)` }
    },
    async recordsOf({ org, consumer }, signal) {
      const sql = `SELECT count() FROM ${requests} WHERE org = {org:String} AND consumer = {consumer:String} FORMAT TSV`
      return Number(await connection.run(sql, signal, { parameters: { org, consumer } }))
    },
    async erase(person, signal) {
      await createErased(connection, options, signal)
      return await erase(connection, options, person, signal)
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  }
}

/** Asks for a range part by part, each answer minute, records and sum of ids. */
async function sums(
  { from, to }: MinuteRange,
  signal: AbortSignal,
  ask: (part: MinuteRange) => Promise<string>,
): Promise<MinuteSum[]> {
  const found: MinuteSum[] = []
  for (let at = from; at < to; at += minutesAtOnce) {
    signal.throwIfAborted()
    for (const row of rowsOf(await ask({ from: at, to: Math.min(at + minutesAtOnce, to) }))) {
      const [minute = 0, records = 0, idSum = 0] = row.map(Number)
      found.push({ minute, records, idSum })
    }
  }
  return found
}

function rowsOf(tsv: string): string[][] {
  return tsv
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}
