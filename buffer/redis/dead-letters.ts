import type { DeadLetter, RetryBatch, StoredDeadLetter } from '../buffer.ts'
import { type Reply, toList, toNumber, toText } from './script.ts'
import type { Shard } from './shard.ts'

/** 256, as many shards as there may be: the id that a shard gave comes first and then the shard, so that ids of all shards are in the order of time. */
const mostShards = 256

/** Dead letters of a sink in one shard behind an id, oldest first. */
export async function listDeadLetters(
  shard: Shard,
  sink: string,
  { limit, after = 0 }: { readonly limit: number; readonly after?: number },
): Promise<StoredDeadLetter[]> {
  const behind = Math.max(0, Math.floor((after - Number(shard.name)) / mostShards))
  const [, letters] = await shard.run('letters', [limit, behind], sink)
  return toList(letters).map((letter) => toLetter(shard, sink, letter).stored)
}

/** Drops or retries those of some dead letters that are in a shard; how many it took. */
export async function changeDeadLetters(
  shard: Shard,
  script: 'drop' | 'retry',
  sink: string,
  ids: readonly number[],
): Promise<number> {
  const own = ids.filter((id) => id % mostShards === Number(shard.name)).map(toShardId)
  if (own.length === 0) return 0
  const [, taken] = await shard.run(script, [sink, ...own], sink)
  return toNumber(taken)
}

/** The batches of a sink in one shard, oldest first. */
export async function findRetries(shard: Shard, sink: string, limit?: number): Promise<RetryBatch[]> {
  const [, replies] = await shard.run('retries', [limit ?? ''], sink)
  const letters = toList(replies).map((letter) => toLetter(shard, sink, letter))
  const batches = Map.groupBy(letters, ({ batch }) => batch)
  return [...batches]
    .map(([id, members]) => ({ id, letters: members.map(({ stored }) => stored).sort((a, b) => a.id - b.id) }))
    .sort((a, b) => a.id - b.id)
}

/** The id that the letter's shard gave it. */
export function toShardId(id: number): number {
  return Math.floor(id / mostShards)
}

function toLetter({ name: shard }: Shard, sink: string, letter: Reply): { stored: StoredDeadLetter; batch: number } {
  const [id, atMs, form, reason, bytes, batch] = toList(letter)
  const stored = {
    ...{ id: toNumber(id) * mostShards + Number(shard), sink, shard, atMs: toNumber(atMs), reason: toText(reason) },
    form: toText(form) as DeadLetter['form'], // as settle wrote it
    bytes: bytes as Uint8Array, // a field of a stream
    isRetried: toText(batch) !== '',
  }
  return { stored, batch: toNumber(batch) }
}
