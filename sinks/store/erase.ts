import { hash } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Log } from '../../runtime/log.ts'
import { wait } from '../../runtime/wait.ts'
import type { Person } from '../holdings.ts'
import { fileName } from './append.ts'
import { runSql } from './duckdb.ts'
import type { Folder } from './folder.ts'
import type { AskedErasure, Manifest, StoredFile } from './manifest.ts'
import { mergedFormat } from './parquet.ts'
import type { Room } from './room.ts'
import { columns, type ReadableFile, recordsSql, sqlText } from './schema.ts'
import { sumColumns, toMinuteSum } from './sums.ts'

/** Does the erasures that the manifest is asked for, one after another, until disposed. */
export interface Eraser extends AsyncDisposable {}

export interface EraserOptions {
  readonly engine: DuckDBInstance
  readonly folder: Folder
  readonly manifest: Manifest
  readonly room: Room
  readonly log: Log
  readonly now: () => number
}

/** 1 s: a person waits for it. */
const lookEveryMs = 1000

/** Stands for a person in the manifest. */
export function digestOf({ org, consumer }: Person): string {
  return hash('sha256', JSON.stringify([org, consumer]))
}

/**
 * A file that holds the person's records is written again without them; the manifest exchanges both and takes down what went, in one
 * transaction. A merge that goes on beside it may carry them into another file: so it is over only when a whole look finds none.
 */
export async function openEraser({ engine, folder, manifest, room, log, now }: EraserOptions): Promise<Eraser> {
  const connection = await engine.connect()
  const stop = new AbortController()
  const erasing = run()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('The store is closed.'))
      await erasing
      connection.closeSync()
    },
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        for (const asked of manifest.askedErasures()) await erase(asked)
      } catch (error) {
        if (!stop.signal.aborted)
          log('warn', 'A consumer could not be erased from the store; it is tried again.', { error })
      }
      await wait(lookEveryMs, stop.signal).catch(() => {}) // stopped
    }
  }

  async function erase({ id, digest }: AskedErasure): Promise<void> {
    const clean = new Set<string>()
    for (let found = true; found; ) {
      found = false
      for (const file of manifest.all()) {
        if (clean.has(file.name)) continue
        found = (await eraseFrom(file, id, digest)) || found
        clean.add(file.name)
      }
    }
    manifest.endErasure(id)
    log('info', 'A consumer was erased from the store.', { records: manifest.erasure(id).removed })
  }

  /** Resolves to whether there was anything to do. */
  async function eraseFrom(file: StoredFile, id: number, digest: string): Promise<boolean> {
    using _lease = folder.lease([file])
    if (!isListed(file)) return true
    const source = { path: folder.path(file.name), columns: file.columns }
    const person = await findPerson(connection, source, digest, stop.signal)
    if (!person) return false
    const erased = (await runSql(connection, sumsSql(source), { ...person }, stop.signal)).map(toMinuteSum)
    const rows = file.rows - erased.reduce((sum, { records }) => sum + records, 0)
    using _room = await room.take(file.boundBytes, stop.signal)
    const rest = rows > 0 ? await writeRest(file, source, person, rows) : []
    if (isListed(file)) {
      manifest.commit({ remove: [file], add: rest, erased, erasure: id })
      folder.discard([file])
    } else folder.discard(rest)
    return true
  }

  async function writeRest(
    file: StoredFile,
    source: ReadableFile,
    person: Person,
    rows: number,
  ): Promise<StoredFile[]> {
    const temp = folder.tempPath()
    try {
      const sql = `COPY (FROM (${recordsSql([source])}) WHERE NOT (${theirs})) TO ${sqlText(temp)} (${mergedFormat})`
      await runSql(connection, sql, { ...person }, stop.signal)
      const name = fileName(file.hour)
      return [{ ...file, name, rows, columns: columns.length, bytes: await folder.place(temp, name), madeAtMs: now() }]
    } finally {
      rmSync(temp, { force: true })
    }
  }

  function isListed({ hour, name }: StoredFile): boolean {
    return manifest.inHour(hour).some((file) => file.name === name)
  }
}

const theirs = 'org = $org AND consumer = $consumer'

function sumsSql(source: ReadableFile): string {
  return `SELECT ${sumColumns} FROM (${recordsSql([source])}) WHERE ${theirs} GROUP BY minute ORDER BY minute`
}

/** Whose digest it is, where the file holds a record of them. */
async function findPerson(
  connection: DuckDBConnection,
  source: ReadableFile,
  digest: string,
  signal: AbortSignal,
): Promise<Person | undefined> {
  const rows = await runSql(connection, `SELECT DISTINCT org, consumer FROM (${recordsSql([source])})`, {}, signal)
  const people = rows.map(({ org, consumer }) => ({ org: String(org), consumer: String(consumer) }))
  return people.find((person) => digestOf(person) === digest)
}
