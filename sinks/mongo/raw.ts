import { BSON, type Collection, type Db, MongoBulkWriteError, MongoInvalidArgumentError } from 'mongodb'
import { type Block, HaltError, RetryableError } from '../sink.ts'
import { type RawDocument, toDocuments } from './document.ts'
import { meaningOf } from './failure.ts'
import type { MongoOptions } from './options.ts'

export type RawCollection = Collection<RawDocument>

export function rawCollection(db: Db, { raw }: Pick<MongoOptions, 'raw'>): RawCollection {
  return db.collection<RawDocument>(raw.collection)
}

/**
 * Makes the capped collection where there is none. Throws HaltError with the command that mends it where there is one that is
 * not capped as the options say: an insert into a collection that is not there would make one that grows for ever.
 */
export async function checkCapped(db: Db, { raw }: Pick<MongoOptions, 'raw'>, signal: AbortSignal): Promise<void> {
  const fault = await faultOfRaw(db, { raw }, signal)
  if (fault === undefined) return
  if (fault !== 'missing') throw new HaltError(`${fault.found} ${fault.advice}`)
  const { collection, sizeBytes, maxDocuments } = raw
  const max = maxDocuments === undefined ? {} : { max: maxDocuments }
  await db.createCollection(collection, { capped: true, size: sizeBytes, ...max }).catch(unlessItExists)
  await checkCapped(db, { raw }, signal)
}

/** Why the collection may not be used as it is, and the command that mends it; undefined where it may. */
export async function faultOfRaw(
  db: Db,
  { raw }: Pick<MongoOptions, 'raw'>,
  signal: AbortSignal,
): Promise<{ readonly found: string; readonly advice: string } | 'missing' | undefined> {
  const { collection, sizeBytes, maxDocuments } = raw
  const [found] = await db.listCollections({ name: collection }, { signal }).toArray()
  if (!found) return 'missing'
  const { capped, size = 0, max } = ('options' in found && found.options) || {}
  if (!capped) return { found: `Collection ${collection} is not capped and would grow for ever.`, advice: toCap(raw) }
  if (cappedBytes(size) === cappedBytes(sizeBytes) && cappedDocuments(max) === cappedDocuments(maxDocuments))
    return undefined
  return {
    found: `Collection ${collection} is capped at ${limits(size, max)} where the config says ${limits(sizeBytes, maxDocuments)}.`,
    advice: toRecap(raw),
  }
}

const namespaceExists = 48

/** Two pumps may find it missing at once. */
function unlessItExists(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === namespaceExists)) throw error
}

/** MongoDB makes the size a multiple of 256, and at least 4096. */
const cappedBytes = (size: number) => Math.max(4096, Math.ceil(size / 256) * 256)
const cappedDocuments = (max: number | undefined) => (max !== undefined && max > 0 ? max : 0)
const limits = (size: number, max: number | undefined) =>
  `${size} bytes${cappedDocuments(max) ? ` and ${max} documents` : ''}`

function toCap({ collection, sizeBytes, maxDocuments }: MongoOptions['raw']): string {
  const convert = command({ convertToCapped: collection, size: sizeBytes })
  const cap = maxDocuments === undefined ? '' : ` and then ${command({ collMod: collection, cappedMax: maxDocuments })}`
  return `Mend it with ${convert}${cap}, or choose another collection.`
}

function toRecap({ collection, sizeBytes, maxDocuments = 0 }: MongoOptions['raw']): string {
  const mend = command({ collMod: collection, cappedSize: sizeBytes, cappedMax: maxDocuments })
  return `Change the config, or mend it with ${mend} (MongoDB 6.0 and later).`
}

const command = (body: object) => `db.runCommand(${JSON.stringify(body)})`

/** What became of records, by their place in the block. */
export interface Inserted {
  /** Were there already: stored by an earlier attempt, or from another life of the log. */
  readonly present: number[]
  /** Are refused for their own fault, and why. */
  readonly refused: Map<number, string>
}

/** Stores the block's records; one that is there already stays as it is. */
export async function insertRaw(
  collection: RawCollection,
  block: Pick<Block, 'records' | 'incarnation' | 'shard' | 'seq'>,
  { chunk, signal }: { chunk: number; signal: AbortSignal },
): Promise<Inserted> {
  const inserted: Inserted = { present: [], refused: new Map() }
  const entries = toDocuments(block.records, block).map((document, place) => ({ place, document }))
  for (let from = 0; from < entries.length; from += chunk) {
    signal.throwIfAborted()
    await insertChunk(collection, entries.slice(from, from + chunk), inserted)
  }
  return inserted
}

interface Entry {
  readonly place: number
  readonly document: RawDocument
}

async function insertChunk(collection: RawCollection, entries: readonly Entry[], inserted: Inserted): Promise<void> {
  const documents = entries.map(({ document }) => document)
  try {
    await collection.insertMany(documents, { ordered: false })
  } catch (error) {
    if (error instanceof MongoBulkWriteError) return sortOut(error, entries, inserted)
    const fitting = entries.filter(({ document }) => BSON.calculateObjectSize(document) < documentBytes)
    const isTooLarge = error instanceof MongoInvalidArgumentError && fitting.length < entries.length
    if (!isTooLarge) throw error
    for (const { place } of entries) inserted.refused.set(place, `the document is larger than ${documentBytes} bytes`)
    for (const { place } of fitting) inserted.refused.delete(place)
    if (fitting.length > 0) await insertChunk(collection, fitting, inserted) // of the others' command nothing was sent
  }
}

/** What every MongoDB takes at most, and the driver refuses to send. */
const documentBytes = 16 * 1024 * 1024

/** Throws where a document was refused for another reason than its own fault. */
function sortOut(error: MongoBulkWriteError, entries: readonly Entry[], { present, refused }: Inserted): void {
  const writeErrors = [error.writeErrors].flat()
  if (writeErrors.length === 0) throw error // no word about documents: the driver wraps failures of the connection too
  for (const { index, code, errmsg = '' } of writeErrors) {
    const entry = entries[index]
    const meaning = meaningOf(code, errmsg)
    if (!entry || meaning === 'other') throw error
    if (meaning === 'present') present.push(entry.place)
    else refused.set(entry.place, errmsg)
  }
  if (error.result.getWriteConcernError())
    throw new RetryableError(`MongoDB stored it not safely yet: ${error.message}`)
}
