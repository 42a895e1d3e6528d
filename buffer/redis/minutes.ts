import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'
import { ledgerDays } from '../buffer.ts'
import { toText } from './script.ts'
import type { Shard } from './shard.ts'

/*
  The minute ledger of a sink in a shard: a hash with a field for each hour, and in it for each of its minutes
  the number, the records and the sum of ids.

    " 29391840:1201:99110443567213 29391841:1187:12930077412"
*/

/** How many minutes, and each of them, as the scripts take them. */
export function minuteArguments(minutes: readonly MinuteSum[] = []): number[] {
  return [minutes.length, ...minutes.flatMap(({ minute, records, idSum }) => [minute, records, idSum])]
}

/** The minutes of a sink over some shards, from one on up to but without another, in order. */
export async function findMinutes(
  shards: readonly Shard[],
  sink: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<MinuteSum[]> {
  const hours = [Math.floor(from / 60), Math.floor(to / 60)]
  const texts = await Promise.all(shards.map(async (shard) => toText((await shard.run('minutes', hours, sink))[1])))
  const sums = new Map<number, MinuteSum>()
  for (const item of texts.join('').split(' ')) {
    const [minute = 0, records = 0, idSum = 0] = item.split(':').map(Number)
    if (item === '' || minute < from || minute >= to) continue
    const known = sums.get(minute) ?? { minute, records: 0, idSum: 0 }
    sums.set(minute, { minute, records: known.records + records, idSum: (known.idSum + idSum) % idSumModulus })
  }
  return [...sums.values()].sort((a, b) => a.minute - b.minute)
}

/** The first hour since 1970 that the ledger keeps. */
export function oldestHour(): number {
  return Math.floor(Date.now() / 3_600_000) - ledgerDays * 24
}
