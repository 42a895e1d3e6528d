import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { createClient } from '@clickhouse/client'
import { DuckDBInstance } from '@duckdb/node-api'
import { type Document, MongoClient } from 'mongodb'
import { collectedLogs } from './collected.ts'
import { type Places, toClickHouse } from './config.ts'
import { type Held, toHeld } from './held-record.ts'

/** Every sink that holds single records, read with a client of the judge's own. The store can be read while no pump runs. */
export const holders = {
  clickhouse: heldInClickHouse,
  mongo: heldInMongo,
  otlp: heldByCollector,
  store: heldInStore,
  file: heldInFiles,
} satisfies Record<string, (places: Places) => Promise<readonly Held[]>>

async function heldInClickHouse({ clickhouse }: Places): Promise<readonly Held[]> {
  await using client = createClient(toClickHouse(clickhouse))
  const query = `SELECT toString(id) AS id, method, status, path, client_ip AS clientIp, tags['attempt'] AS attempt,
    toFloat64(bytes_out) AS bytesOut, consumer FROM penstock_requests`
  return await (await client.query({ query, format: 'JSONEachRow' })).json<Held>()
}

async function heldInMongo({ mongo }: Places): Promise<readonly Held[]> {
  await using client = new MongoClient(mongo)
  const wanted = { method: 1, status: 1, path: 1, clientIp: 1, tags: 1, bytesOut: 1, consumer: 1 } // whole ones take FerretDB twice as long
  const found = await client.db().collection('penstock_requests').find().project(wanted).batchSize(20_000).toArray()
  return found.map((document) => toHeld({ ...document, id: document._id }, document.tags))
}

/** Usage documents, with the hours they are about. */
export async function usageInMongo({ mongo }: Places): Promise<readonly Document[]> {
  await using client = new MongoClient(mongo)
  return await client.db().collection('penstock_usage').find().toArray()
}

/** The files that the manifest lists, and nothing else that may lie in the folder. */
async function heldInStore({ dataDir }: Places): Promise<readonly Held[]> {
  const folder = join(dataDir, 'store')
  using manifest = new DatabaseSync(join(folder, 'manifest.db'))
  const files = manifest
    .prepare('SELECT name FROM files')
    .all()
    .map(({ name }) => join(folder, String(name)))
  if (files.length === 0) return []
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  using connection = await disposable(instance)
  const rows = await connection.rows(
    `SELECT id::VARCHAR AS id, method, status::INTEGER AS status, path, client_ip AS clientIp, tags,
      bytes_out::DOUBLE AS bytesOut, consumer FROM read_parquet([${files.map((file) => `'${file}'`).join(', ')}])`,
  )
  return rows.map((row) => toHeld(row, JSON.parse(String(row.tags))))
}

async function disposable(instance: DuckDBInstance) {
  const connection = await instance.connect()
  return {
    rows: async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJS(),
    [Symbol.dispose]() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** Every file but the link to the one that is being written. */
async function heldInFiles({ dataDir }: Places): Promise<readonly Held[]> {
  const held: Held[] = []
  const entries = await readdir(join(dataDir, 'files'), { withFileTypes: true, recursive: true })
  for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
    const lines = createInterface({ input: createReadStream(join(parentPath, name)) })
    for await (const line of lines) {
      const record = JSON.parse(line)
      held.push(toHeld(record, record.tags))
    }
  }
  return held
}

async function heldByCollector(places: Places): Promise<readonly Held[]> {
  return (await collectedLogs(places)).flat()
}
