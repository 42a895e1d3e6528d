import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { createClient } from '@clickhouse/client'
import { DuckDBInstance } from '@duckdb/node-api'
import { MongoClient } from 'mongodb'

/** A record as a sink holds it, as far as the judge of a run looks at it. */
export interface HeldRecord {
  readonly id: string
  readonly path: string
}

/** Where the sinks of a run keep their records, for a reader with a client of its own. */
export interface Places {
  readonly file?: string
  readonly clickhouse?: string
  readonly store?: string
  readonly mongo?: string
  /** The file that the collector writes its requests into. */
  readonly otlp?: string
}

/** Every sink that holds single records, in groups as they were sent where the sink can say so; each record as often as it is there. */
export const holdings = {
  file: heldInFiles,
  clickhouse: heldInClickHouse,
  store: heldInStore,
  mongo: heldInMongo,
  otlp: heldByCollector,
} satisfies Record<keyof Places, (place: string) => AsyncIterable<readonly HeldRecord[]>>

async function* heldInFiles(folder: string): AsyncGenerator<HeldRecord[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
    const lines = createInterface({ input: createReadStream(join(parentPath, name)) })
    for await (const line of lines) yield [JSON.parse(line) as HeldRecord] // the sink is told to write these fields
  }
}

const perQuery = 200_000 // the server of the tests holds an answer whole

async function* heldInClickHouse(url: string): AsyncGenerator<HeldRecord[]> {
  await using client = createClient({ url, request_timeout: 300_000 })
  const ask = async <T>(query: string) => await (await client.query({ query, format: 'JSONEachRow' })).json<T>()
  const [{ rows } = { rows: '0' }] = await ask<{ rows: string }>('SELECT count() AS rows FROM penstock_requests')
  const parts = Math.ceil(Number(rows) / perQuery)
  for (let part = 0; part < parts; part++) {
    yield await ask<HeldRecord>(
      `SELECT toString(id) AS id, path FROM penstock_requests WHERE cityHash64(id) % ${parts} = ${part}`,
    )
  }
}

/** The files that the manifest lists, and nothing else that may lie in the folder. */
async function* heldInStore(folder: string): AsyncGenerator<HeldRecord[]> {
  using manifest = new DatabaseSync(join(folder, 'manifest.db'), { readOnly: true })
  const names = manifest.prepare('SELECT name FROM files').all()
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  try {
    for (const { name } of names) {
      const file = join(folder, String(name)).replaceAll("'", "''")
      const answer = await connection.runAndReadAll(`SELECT id::VARCHAR AS id, path FROM read_parquet('${file}')`)
      yield answer.getRowObjectsJS() as unknown as HeldRecord[] // the columns asked for
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function* heldInMongo(url: string): AsyncGenerator<HeldRecord[]> {
  await using client = new MongoClient(url)
  const found = client.db().collection('penstock_requests').find().project({ path: 1 }).batchSize(20_000)
  for await (const { _id, path } of found) yield [{ id: String(_id), path: String(path) }]
}

/*
  A line for each request that the collector accepted

    { signal: 'logs', request: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: [{ key, value: { stringValue } }] }] }] }] } }
*/
interface Line {
  readonly signal: string
  readonly request: {
    readonly resourceLogs?: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[] }[]
  }
}

interface LogRecord {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[]
}

async function* heldByCollector(file: string): AsyncGenerator<HeldRecord[]> {
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { signal, request } = JSON.parse(line) as Line // as above
    if (signal !== 'logs') continue
    const records = (request.resourceLogs ?? []).flatMap(({ scopeLogs }) =>
      scopeLogs.flatMap((scope) => scope.logRecords),
    )
    yield records.map(({ attributes }) => {
      const text = (name: string) => attributes.find(({ key }) => key === name)?.value.stringValue ?? ''
      return { id: text('penstock.record.id'), path: text('url.path') }
    })
  }
}
