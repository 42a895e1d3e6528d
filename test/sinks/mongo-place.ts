import type { TestContext } from 'node:test'
import { type Db, type Document, MongoClient } from 'mongodb'
import { fieldNames, type RequestRecord } from '../../record/fields.ts'
import mongo from '../../sinks/mongo/mongo.ts'
import { mongoUrl } from '../services/shared.ts'
import type { SinkHarness, SinkPlace, StoredRecord } from './delivery.ts'

export interface MongoPlace extends SinkPlace {
  readonly options: { readonly url: string; readonly chunkRecords: number }
  /** The same database through a client of the test's own. */
  readonly db: Db
}

/** FerretDB hangs for ever on an update of 100 documents and more. */
const chunkRecords = 50

export async function freshMongo(t: TestContext): Promise<MongoPlace> {
  const url = await mongoUrl(t)
  const client = new MongoClient(url)
  t.after(() => client.close())
  const db = client.db()
  return { options: { url, chunkRecords }, db, stored: () => storedRecords(db) }
}

export const mongoHarness = { definition: mongo, fresh: freshMongo, maxRecords: 2000 } satisfies SinkHarness

async function storedRecords(db: Db): Promise<readonly StoredRecord[]> {
  const documents = await db.collection('penstock_requests').find().toArray()
  return documents.map(toRecord)
}

/** A record as the document says it, with names of tags and headers as they were. */
function toRecord(document: Document): RequestRecord {
  const { detail } = document
  const names = ['requestHeaders', 'responseHeaders'].filter((name) => detail?.[name])
  const given: Document = {
    ...document,
    id: document._id,
    ts: document.tsUs,
    tags: withNames(document.tags),
    detail: detail && { ...detail, ...Object.fromEntries(names.map((name) => [name, withNames(detail[name])])) },
  }
  return Object.fromEntries(fieldNames.map((name) => [name, given[name]])) as RequestRecord // every field was written
}

function withNames(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [decodeURIComponent(name), value]))
}
