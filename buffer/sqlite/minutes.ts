import type { SQLTagStore } from 'node:sqlite'
import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'
import { ledgerDays } from '../buffer.ts'

/** Adds what a settle delivered to the minute ledger. */
export function addMinutes(sql: SQLTagStore, sink: string, minutes: readonly MinuteSum[] = []): void {
  for (const { minute, records, idSum } of minutes)
    sql.run`
      INSERT INTO minutes VALUES (${sink}, ${minute}, ${records}, ${idSum}) ON CONFLICT DO UPDATE
      SET records = records + excluded.records, id_sum = (id_sum + excluded.id_sum) % ${idSumModulus}
    `
}

/** The minutes of a sink from one on up to but without another, in order. */
export function findMinutes(sql: SQLTagStore, sink: string, { from, to }: { from: number; to: number }): MinuteSum[] {
  const rows = sql.all`
    SELECT minute, records, id_sum AS idSum FROM minutes WHERE sink = ${sink} AND minute >= ${from} AND minute < ${to} ORDER BY minute
  ` as unknown as MinuteSum[] // the columns are named in the statement
  return rows.map((row) => ({ ...row })) // a row has no prototype
}

/** Lets go of the minutes that are older than the ledger keeps. */
export function forgetMinutes(sql: SQLTagStore, nowMs: number): void {
  const oldest = Math.floor(nowMs / 60_000) - ledgerDays * 24 * 60
  sql.run`DELETE FROM minutes WHERE sink IN (SELECT sink FROM readers) AND minute < ${oldest}` // by the key, sink for sink
}
