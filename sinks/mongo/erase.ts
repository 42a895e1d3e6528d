import { randomUUID } from 'node:crypto'
import { type Collection, type Db, MongoServerError } from 'mongodb'
import { idSumModulus, type MinuteSum, MinuteSums } from '../../record/minute-sum.ts'
import { maskedDeeply, tracingFields } from '../../record/trace.ts'
import type { Erasure, MinuteRange, Person } from '../holdings.ts'
import type { MongoOptions } from './options.ts'
import type { RawCollection } from './raw.ts'
import type { UsageCollection } from './usage.ts'

/*
  One step of an erasure, kept for ever as a document beside the raw collection; it names nobody.

    _id       of its own
    minutes   [{ minute, records, idSum }]   what it takes
    ids       of the records that it takes; there only until they are gone, and then the step is done

  An erasure that was cut short leaves a step with ids: the next one, for whomever it is, takes them first.
*/
interface ErasedStep {
  readonly _id: string
  readonly minutes: readonly MinuteSum[]
  readonly ids?: readonly string[]
}

export type ErasedCollection = Collection<ErasedStep>

export function erasedCollection(db: Db, { raw }: Pick<MongoOptions, 'raw'>): ErasedCollection {
  return db.collection<ErasedStep>(`${raw.collection}_erased`)
}

/** What all steps took, by minute. */
export async function erasedMinutes(
  erased: ErasedCollection,
  { from, to }: MinuteRange,
  signal: AbortSignal,
): Promise<MinuteSum[]> {
  const sums = new Map<number, MinuteSum>()
  for await (const { minutes } of erased.find({}, { projection: { minutes: 1 }, signal }))
    for (const { minute, records, idSum } of minutes) {
      if (minute < from || minute >= to) continue
      const known = sums.get(minute) ?? { minute, records: 0, idSum: 0 }
      sums.set(minute, { minute, records: known.records + records, idSum: (known.idSum + idSum) % idSumModulus })
    }
  return [...sums.values()].sort((a, b) => a.minute - b.minute)
}

export interface ErasedFrom {
  readonly raw: RawCollection
  readonly usage: UsageCollection
  readonly erased: ErasedCollection
  /** How many documents one command changes. */
  readonly chunk: number
}

/** 1000 ids are 40 kB: a step is one document and one command. */
const stepRecords = 1000

export async function eraseDocuments(
  from: ErasedFrom,
  { org, consumer }: Person,
  signal: AbortSignal,
): Promise<Erasure> {
  const { raw, usage, erased } = from
  const { deletedCount: hours } = await usage.deleteMany({ org, consumer })
  const notes = hours > 0 ? ['The consumer’s documents of usage per hour are deleted.'] : []
  let removed = 0
  for await (const step of erased.find({ ids: { $exists: true } }, { signal })) removed += (await take(from, step)) ?? 0
  for (;;) {
    signal.throwIfAborted()
    const found = await raw.find({ org, consumer }, { projection: { ts: 1 }, limit: stepRecords, signal }).toArray()
    if (found.length === 0) return { removed, overwritten: 0, notes }
    const sums = new MinuteSums()
    for (const { _id, ts } of found) sums.add({ id: _id, ts: ts.getTime() * 1000 })
    const step = { _id: randomUUID(), minutes: sums.toList(), ids: found.map(({ _id }) => _id) }
    await erased.insertOne(step)
    const taken = await take(from, step)
    if (taken === undefined) {
      const overwritten = await overwrite(from, { org, consumer }, signal)
      return { removed, overwritten, notes: [...notes, cappedNote] }
    }
    removed += taken
  }
}

const cappedNote =
  'This MongoDB deletes nothing from a capped collection: records stay until newer ones take their place, with asterisks for what says something about the consumer.'

/** Does a step, or forgets it where nothing can be deleted. */
async function take({ raw, erased }: ErasedFrom, { _id, ids = [] }: ErasedStep): Promise<number | undefined> {
  try {
    await raw.deleteMany({ _id: { $in: [...ids] } })
  } catch (error) {
    if (!isCappedForGood(error)) throw error
    await erased.deleteOne({ _id })
    return undefined
  }
  await erased.updateOne({ _id }, { $unset: { ids: 1 } })
  return ids.length
}

/** MongoDB before 5.0. Its code is one that the driver takes for another matter and wraps. */
function isCappedForGood(error: unknown): boolean {
  if (!(error instanceof MongoServerError)) return false
  const { originalError } = error.errorResponse
  return [error, originalError].some((one) => /cannot remove from a capped collection/i.test(one?.message ?? ''))
}

/** Replaces each text by one as long: where nothing can be deleted, no document may change its size either. */
async function overwrite({ raw, chunk }: ErasedFrom, { org, consumer }: Person, signal: AbortSignal): Promise<number> {
  const projection = Object.fromEntries(tracingFields.map((name) => [name, 1]))
  let overwritten = 0
  for (;;) {
    signal.throwIfAborted()
    const found = await raw.find({ org, consumer }, { projection, limit: chunk, signal }).toArray()
    if (found.length === 0) return overwritten
    const updates = found.map(({ _id, ...named }) => ({
      updateOne: { filter: { _id }, update: { $set: maskedDeeply(named) as Record<string, unknown> } }, // masking keeps the form
    }))
    await raw.bulkWrite(updates, { ordered: false })
    overwritten += found.length
  }
}
