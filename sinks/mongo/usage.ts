import type { Collection, Db, UpdateFilter } from 'mongodb'
import type { Block } from '../sink.ts'
import type { MongoOptions } from './options.ts'
import type { Usage } from './tally.ts'

/*
  A usage document

    _id                         digest of everything down to consumer
    log, shard                  the one writer: sums over all logs and shards are the answer to a question
    org, hour, api, endpoint, consumer
    next                        place up to which the shard's blocks have been added
    received                    when the log took the last of its records
    calls, counted, failed      failed / counted is the failure rate
    status.2xx …                calls by class
    bytesIn, bytesOut
    totalUsSum, totalUsMax
    h.<bucket>                  durations in microseconds by bucket of record/sketch.ts

  A block is added by one update that also moves `next` behind the block, and only where `next` lies not behind the
  block's begin. So it is added once, however often it is sent, whole or in the parts of a split; a crash leaves some
  documents with the block and some without, and the repeat adds it to those without. A log that was reset begins its
  places anew and has documents of its own.
*/
interface UsageDocument {
  readonly _id: string
  readonly log: string
  readonly shard: string
  readonly org: string
  readonly hour: Date
  readonly api: string
  readonly endpoint: string
  readonly consumer: string
  readonly next: number
  readonly received: Date
}

export type UsageCollection = Collection<UsageDocument>

export function usageCollection(db: Db, { usage }: Pick<MongoOptions, 'usage'>): UsageCollection {
  return db.collection<UsageDocument>(usage.collection)
}

/** Adds what the block's records sum up to, at most once for each document. */
export async function addUsage(
  collection: UsageCollection,
  usages: readonly Usage[],
  block: Block,
  { chunk, signal }: { chunk: number; signal: AbortSignal },
): Promise<void> {
  for (let from = 0; from < usages.length; from += chunk) {
    signal.throwIfAborted()
    await addChunk(collection, usages.slice(from, from + chunk), block, signal)
  }
}

async function addChunk(
  collection: UsageCollection,
  usages: readonly Usage[],
  block: Block,
  signal: AbortSignal,
): Promise<void> {
  const missing = await withoutDocument(collection, usages, signal)
  if (missing.length > 0) {
    const skeletons = missing.map((usage) => ({
      updateOne: { filter: { _id: usage.id }, update: { $setOnInsert: skeleton(usage, block) }, upsert: true },
    }))
    await collection.bulkWrite(skeletons, { ordered: false })
    signal.throwIfAborted()
  }
  // Without upsert: where the guard fails there is nothing to add, and nothing may be inserted in its place.
  const updates = usages.map((usage) => ({
    updateOne: { filter: { _id: usage.id, next: { $lte: block.seq } }, update: addition(usage, block) },
  }))
  await collection.bulkWrite(updates, { ordered: false })
}

async function withoutDocument(
  collection: UsageCollection,
  usages: readonly Usage[],
  signal: AbortSignal,
): Promise<readonly Usage[]> {
  const ids = usages.map(({ id }) => id)
  const found = await collection.find({ _id: { $in: ids } }, { projection: { _id: 1 }, signal }).toArray()
  const there = new Set(found.map(({ _id }) => _id))
  return usages.filter(({ id }) => !there.has(id))
}

function skeleton({ org, hour, api, endpoint, consumer }: Usage, { incarnation, shard, appendedAtMs }: Block) {
  const received = new Date(appendedAtMs)
  return { log: incarnation, shard, org, hour, api, endpoint, consumer, next: 0, received, ...nothing }
}

/** For a document whose first block never comes: the log was reset in between. */
const nothing = {
  calls: 0,
  counted: 0,
  failed: 0,
  status: {},
  bytesIn: 0,
  bytesOut: 0,
  totalUsSum: 0,
  totalUsMax: 0,
  h: {},
}

function addition(usage: Usage, { endSeq, appendedAtMs }: Block): UpdateFilter<UsageDocument> {
  const { calls, counted, failed, bytesIn, bytesOut, totalUsSum, totalUsMax, byStatus, totalUs } = usage
  const sums: Record<string, number> = { calls, counted, failed, bytesIn, bytesOut, totalUsSum }
  for (const [status, count] of byStatus) sums[`status.${status}`] = count
  for (const [bucket, count] of totalUs) sums[`h.${bucket}`] = count
  return {
    $set: { next: endSeq },
    $inc: sums,
    $max: { totalUsMax, received: new Date(appendedAtMs) },
  }
}

/** Lets go of what is older than the retention, and sees to the indexes for that and for questions by time. Any MongoDB can do both; TTL indexes not every one has. */
export async function sweepUsage(collection: UsageCollection, retentionDays: number, now: number): Promise<number> {
  for (const key of indexes) await collection.createIndex(key) // one by one: FerretDB 1 breaks off where it has two of a command's
  const { deletedCount } = await collection.deleteMany({ received: { $lt: new Date(now - retentionDays * dayMs) } })
  return deletedCount
}

/** Those that questions by time and letting go need. */
export const indexes = [{ received: 1 }, { org: 1, hour: 1 }] as const
const dayMs = 86_400_000
