import type { RetrySettlement, Settlement, StoredDeadLetter } from '../buffer.ts'
import { hourGroup, keyIn, letterGroup, retriesKey, stateGroup } from './keys.ts'
import { batchesOf, withLetter, withoutBatch, withoutLetter, withStored } from './letters.ts'
import type { Message } from './message.ts'
import { withMinutes } from './minutes.ts'
import type { Shard } from './shard.ts'
import type { SinkRecord } from './sink-record.ts'
import { put } from './stored.ts'

/** What a settle comes to beside the cursor: the record with its counters, and the messages that go with it. */
export interface Settled {
  readonly record: SinkRecord
  readonly messages: readonly Message[]
}

/** Counts what a block became, and keeps its dead letters, its minutes and the sink's state. */
export function settled(
  shard: Shard,
  sink: string,
  record: SinkRecord,
  { delivered, filtered, deadLetters, minutes, state }: Settlement,
): Settled {
  const atMs = Date.now()
  const first = Math.max(record.lastLetter + 1, atMs)
  return {
    record: {
      ...record,
      lastLetter: deadLetters.length > 0 ? first + deadLetters.length - 1 : record.lastLetter,
      delivered: record.delivered + delivered,
      filtered: record.filtered + filtered,
      deadLettered: record.deadLettered + deadLetters.length,
    },
    messages: [
      ...deadLetters.map((letter, i) => withLetter(shard, sink, { ...letter, number: first + i, atMs })),
      ...withMinutes(shard.state, sink, minutes),
      ...withState(shard, sink, state),
    ],
  }
}

/** Lets go of a batch's letters that were delivered, and gives the others their new reason; undefined where that has happened already. */
export function retrySettled(
  shard: Shard,
  sink: string,
  record: SinkRecord,
  batch: { readonly id: number; readonly letters: readonly StoredDeadLetter[] },
  { rejected, minutes, state }: RetrySettlement,
): Settled | undefined {
  if (!batchesOf(shard, sink).some(({ id }) => id === batch.id)) return undefined
  const delivered = batch.letters.filter(({ id }) => !rejected.has(id))
  return {
    record: {
      ...record,
      delivered: record.delivered + delivered.length,
      deadLettered: record.deadLettered - delivered.length,
    },
    messages: [
      withoutBatch(shard, sink, batch.id),
      ...batch.letters.map((letter) => {
        const reason = rejected.get(letter.id)
        return reason === undefined
          ? withoutLetter(shard, sink, letter.id)
          : withStored(shard, sink, { ...letter, reason })
      }),
      ...withMinutes(shard.state, sink, minutes),
      ...withState(shard, sink, state),
    ],
  }
}

/** Messages that take out all that is kept under a sink's name beside its record. */
export function emptied(shard: Shard, sink: string): Message[] {
  const groups = [stateGroup(sink), hourGroup(sink)].flatMap((group) => [...shard.state.keysOf(group)])
  const letters = [...shard.dead.keysOf(letterGroup(sink))]
  return [
    put(shard.state, retriesKey(sink), undefined),
    ...groups.map((key) => put(shard.state, key, undefined)),
    ...letters.map((key) => put(shard.dead, key, undefined)),
  ]
}

/** An empty value deletes. */
function withState(shard: Shard, sink: string, state: Settlement['state']): Message[] {
  return [...(state ?? [])].map(([key, value]) =>
    put(shard.state, keyIn(stateGroup(sink), key), value.length > 0 ? value : undefined),
  )
}
