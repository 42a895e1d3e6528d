import { BufferUnavailableError, type DeadLetter, type RetryBatch, type StoredDeadLetter } from '../buffer.ts'
import { keyIn, letterGroup, retriesKey } from './keys.ts'
import type { Message } from './message.ts'
import type { Shard } from './shard.ts'
import { type LetterHead, put, type StoredRetries } from './stored.ts'

/** 1024, as many partitions as there may be: the number that a partition gave comes first and then the partition, so that ids of all are in the order of time. */
const mostPartitions = 1024
/** 1 MiB a fetch. */
const fetchBytes = 1024 * 1024

/** Dead letters of a sink in one shard behind an id, oldest first. */
export async function listDeadLetters(
  shard: Shard,
  sink: string,
  { limit, after = 0 }: { readonly limit: number; readonly after?: number },
): Promise<StoredDeadLetter[]> {
  await shard.refreshLetters()
  const heads = headsOf(shard, sink).filter(({ id }) => id > after)
  return await loadLetters(shard, sink, heads.sort((a, b) => a.id - b.id).slice(0, limit))
}

/** The batches of a sink in one shard, oldest first. */
export async function findRetries(shard: Shard, sink: string, limit?: number): Promise<RetryBatch[]> {
  await shard.refreshLetters()
  const load = async ({ id, letters }: StoredRetries['batches'][number]) => {
    const heads = headsOf(shard, sink, letters)
    return { id, letters: await loadLetters(shard, sink, heads) }
  }
  return await Promise.all(batchesOf(shard, sink).slice(0, limit).map(load))
}

/** Drops those of some dead letters that are in a shard and in no batch; how many. */
export async function dropDeadLetters(shard: Shard, sink: string, ids: readonly number[]): Promise<number> {
  return await shard.ofSink(sink).change(() => {
    const heads = freeHeads(shard, sink, ids)
    return { messages: heads.map(({ id }) => withoutLetter(shard, sink, id)), result: heads.length }
  })
}

/** Makes one batch of those that are in a shard, can be delivered again and are in none; how many. */
export async function retryDeadLetters(shard: Shard, sink: string, ids: readonly number[]): Promise<number> {
  return await shard.ofSink(sink).change(() => {
    const letters = freeHeads(shard, sink, ids)
      .filter(({ form }) => form === 'json')
      .map(({ id }) => id)
    if (letters.length === 0) return { messages: [], result: 0 }
    const { lastId, batches } = retriesOf(shard, sink)
    const id = Math.max(lastId + 1, Date.now()) // never one of a sink of that name that was retired
    const next = { lastId: id, batches: [...batches, { id, letters: letters.sort((a, b) => a - b) }] }
    return { messages: [putRetries(shard, sink, next)], result: letters.length }
  })
}

export function batchesOf(shard: Shard, sink: string): StoredRetries['batches'] {
  return retriesOf(shard, sink).batches
}

/** The message that takes a batch out. */
export function withoutBatch(shard: Shard, sink: string, id: number): Message {
  const { lastId, batches } = retriesOf(shard, sink)
  return putRetries(shard, sink, { lastId, batches: batches.filter((batch) => batch.id !== id) })
}

/** The message that stores a dead letter, or gives it another reason. */
export function withLetter(
  shard: Shard,
  sink: string,
  { form, reason, bytes, number, atMs }: DeadLetter & { readonly number: number; readonly atMs: number },
): Message {
  return withStored(shard, sink, { id: number * mostPartitions + shard.number, form, reason, bytes, atMs })
}

export function withStored(
  shard: Shard,
  sink: string,
  { id, form, reason, bytes, atMs }: Omit<StoredDeadLetter, 'sink' | 'shard' | 'isRetried'>,
): Message {
  return put(shard.dead, keyIn(letterGroup(sink), id), bytes, { form, reason, atMs: `${atMs}` })
}

export function withoutLetter(shard: Shard, sink: string, id: number): Message {
  return put(shard.dead, keyIn(letterGroup(sink), id), undefined)
}

function retriesOf(shard: Shard, sink: string): Omit<StoredRetries, 'kind'> {
  const value = shard.state.get(retriesKey(sink))
  return value?.kind === 'retries' ? value : { lastId: 0, batches: [] }
}

function putRetries(shard: Shard, sink: string, retries: Omit<StoredRetries, 'kind'>): Message {
  return put(shard.state, retriesKey(sink), { kind: 'retries', ...retries })
}

function headsOf(shard: Shard, sink: string, ids?: readonly number[]): LetterHead[] {
  if (!ids) return [...shard.dead.inGroup(letterGroup(sink))]
  return [...new Set(ids)]
    .map((id) => shard.dead.get(keyIn(letterGroup(sink), id)))
    .filter((head) => head !== undefined)
}

/** Those that are in no batch. */
function freeHeads(shard: Shard, sink: string, ids: readonly number[]): LetterHead[] {
  const retried = new Set(batchesOf(shard, sink).flatMap(({ letters }) => letters))
  return headsOf(shard, sink, ids).filter(({ id }) => !retried.has(id))
}

/** Fetches what the letters are about, from the first to the last. */
async function loadLetters(shard: Shard, sink: string, heads: readonly LetterHead[]): Promise<StoredDeadLetter[]> {
  const retried = new Set(batchesOf(shard, sink).flatMap(({ letters }) => letters))
  const bytes = new Map<number, Buffer>()
  for (const { offset } of heads.toSorted((a, b) => a.offset - b.offset)) {
    if (bytes.has(offset)) continue
    const { batches } = await shard.dead.partition.fetch(offset, fetchBytes, 'uncommitted')
    for (const { messages } of batches)
      for (const message of messages) bytes.set(message.offset, message.value ?? Buffer.alloc(0))
  }
  return heads.map(({ id, atMs, form, reason, offset }) => {
    const found = bytes.get(offset)
    if (!found) throw new BufferUnavailableError(`Dead letter ${id} was changed while it was read: ask again.`)
    const facts = { id, sink, shard: shard.name, atMs, form, reason, isRetried: retried.has(id) }
    return { ...facts, bytes: Uint8Array.from(found) } // a copy: the message is a part of something larger
  })
}
