import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'
import { hourGroup, keyIn } from './keys.ts'
import type { Message } from './message.ts'
import { put, type StateValue } from './stored.ts'
import type { Table } from './table.ts'

/*
  The minute ledger of a sink in a shard: a key for each hour, and under it number, records and sum of ids of each of its minutes in
  turn. Every process holds all of it: 1.4 MB a reader for the time that the ledger keeps, where a key for each minute took 11.
*/

/** The messages that add minutes to a sink's ledger. */
export function withMinutes(state: Table<StateValue>, sink: string, minutes: readonly MinuteSum[] = []): Message[] {
  const byHour = Map.groupBy(minutes, ({ minute }) => Math.floor(minute / 60))
  return [...byHour].map(([hour, added]) => {
    const key = keyIn(hourGroup(sink), hour)
    const sums = new Map<number, MinuteSum>()
    for (const sum of [...toSums(state.get(key)), ...added]) addTo(sums, sum)
    const flat = [...sums.values()].flatMap(({ minute, records, idSum }) => [minute, records, idSum])
    return put(state, key, { kind: 'hour', sums: flat })
  })
}

/** Adds a sink's minutes `from` up to but without `to` to those of other shards. */
export function addMinutes(
  sums: Map<number, MinuteSum>,
  state: Table<StateValue>,
  sink: string,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  for (const value of state.inGroup(hourGroup(sink)))
    for (const sum of toSums(value)) if (sum.minute >= from && sum.minute < to) addTo(sums, sum)
}

/** The messages that take the hours before one out of a sink's ledger. */
export function withoutHours(state: Table<StateValue>, sink: string, beforeHour: number): Message[] {
  const isOld = (key: string) => Number(key.slice(key.lastIndexOf('/') + 1)) < beforeHour
  return [...state.keysOf(hourGroup(sink))].filter(isOld).map((key) => put(state, key, undefined))
}

function toSums(value: StateValue | undefined): MinuteSum[] {
  const flat = value?.kind === 'hour' ? value.sums : []
  return Array.from({ length: flat.length / 3 }, (_, i) => {
    const [minute = 0, records = 0, idSum = 0] = flat.slice(3 * i, 3 * i + 3)
    return { minute, records, idSum }
  })
}

function addTo(sums: Map<number, MinuteSum>, { minute, records, idSum }: MinuteSum): void {
  const before = sums.get(minute)
  sums.set(minute, {
    minute,
    records: (before?.records ?? 0) + records,
    idSum: ((before?.idSum ?? 0) + idSum) % idSumModulus,
  })
}
