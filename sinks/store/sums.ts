import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'
import type { SqlRow } from './duckdb.ts'

/** What `record/minute-sum.ts` computes, as columns of a SELECT over records that is grouped by `minute`. */
export const sumColumns = `epoch_us(ts) // 60000000 AS minute, count(*) AS records,
  (sum(('0x' || right(id::VARCHAR, 12))::UBIGINT) % ${idSumModulus})::BIGINT AS id_sum`

export function toMinuteSum({ minute, records, id_sum: idSum }: SqlRow): MinuteSum {
  return { minute: Number(minute), records: Number(records), idSum: Number(idSum) }
}
