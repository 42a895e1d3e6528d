import type { Db } from 'mongodb'
import { MinuteSums, minuteOf } from '../../record/minute-sum.ts'
import type { Holdings, Horizon, MinuteRange } from '../holdings.ts'
import { openClient } from './connection.ts'
import { type ErasedCollection, eraseDocuments, erasedCollection, erasedMinutes } from './erase.ts'
import { toSinkError } from './failure.ts'
import type { MongoOptions } from './options.ts'
import { type RawCollection, rawCollection } from './raw.ts'
import { usageCollection } from './usage.ts'

/** Opens what the collections hold. The raw one has no index by time: it is read whole for every question. */
export async function openHoldings(options: MongoOptions): Promise<Holdings> {
  const client = openClient(options)
  const db = client.db()
  const raw = rawCollection(db, options)
  const usage = usageCollection(db, options)
  const erased: ErasedCollection = erasedCollection(db, options)

  const within = ({ from, to }: MinuteRange, signal: AbortSignal) =>
    raw.find({ ts: { $gte: atMinute(from), $lt: atMinute(to) } }, { projection: { ts: 1 }, batchSize: 10_000, signal })

  async function told<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      signal.throwIfAborted()
      await client.connect() // by itself the driver would never again try after a first attempt that failed
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw toSinkError(error)
    }
  }

  return {
    minutes: (range, signal) =>
      told(async () => {
        const sums = new MinuteSums()
        for await (const { _id, ts } of within(range, signal)) sums.add({ id: String(_id), ts: ts.getTime() * 1000 })
        return sums.toList()
      }, signal),
    async *ids(minutes, signal) {
      if (minutes.size === 0) return
      await told(async () => {}, signal)
      const range = { from: Math.min(...minutes), to: Math.max(...minutes) + 1 }
      for await (const { _id, ts } of within(range, signal)) {
        const minute = minuteOf(ts.getTime() * 1000)
        if (minutes.has(minute)) yield { minute, id: String(_id) }
      }
    },
    erased: (range, signal) => told(() => erasedMinutes(erased, range, signal), signal),
    horizon: (signal) => told(() => horizonOf(db, raw, options, signal), signal),
    recordsOf: ({ org, consumer }, signal) => told(() => raw.countDocuments({ org, consumer }, { signal }), signal),
    erase: (person, signal) =>
      told(() => eraseDocuments({ raw, usage, erased, chunk: options.chunkRecords }, person, signal), signal),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

const atMinute = (minute: number) => new Date(minute * 60_000)

/** Three quarters: below, nothing was ever let go of; FerretDB lets go of a tenth at once. */
const fullShare = 0.75
/** Of every shard there is a record among so many, unless it was silent for long. */
const oldestRecords = 5000

/** What was let go was stored before the oldest that are there, so it began before they ended. */
async function horizonOf(
  db: Db,
  raw: RawCollection,
  { raw: { collection } }: MongoOptions,
  signal: AbortSignal,
): Promise<Horizon | undefined> {
  const [found] = await db.listCollections({ name: collection }, { signal }).toArray()
  if (!found) return undefined
  const { size = 0, count = 0, maxSize, max } = await db.command({ collStats: collection }, { signal })
  const isFull = size > (maxSize ?? Number.POSITIVE_INFINITY) * fullShare || (max > 0 && count > max * fullShare)
  if (!isFull) return undefined
  const oldest = raw
    .find({}, { projection: { ts: 1, totalUs: 1 }, signal })
    .sort({ $natural: 1 })
    .limit(oldestRecords)
  let endMs = 0
  for await (const { ts, totalUs } of oldest) endMs = Math.max(endMs, ts.getTime() + Number(totalUs) / 1000)
  return {
    minute: Math.floor(endMs / 60_000) + 1,
    because: `the capped collection ${collection} keeps the newest records`,
  }
}
