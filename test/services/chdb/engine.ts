import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Connection, type InsertResult, loadNative, type Native, type Stream } from './native.ts'
import { checkSingle, isInsert, isStreamable, preparation, type Statement } from './statement.ts'

export interface Answer {
  chunks: AsyncIterable<Buffer>
  /** Counts for X-ClickHouse-Summary. */
  summary: Readonly<Record<string, number>>
}

export interface Engine {
  /** Rejects with the engine's own error text. Once it resolves, only a streamed result can still fail. */
  run(statement: Statement): Promise<Answer>
  close(): void
}

/** Opens the one engine that a process can have, over the data in the folder. */
export function openEngine(installed: string, folder: string, settings: Readonly<Record<string, string>>): Engine {
  const native = loadNative(installed)
  const connect = () =>
    native.CreateConnection(
      folder,
      Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    )
  const anchor = connect() // the engine lives as long as one connection does
  return {
    async run(statement) {
      checkSingle(statement.sql)
      const connection = connect()
      try {
        const answer = await oneAtATime(() => execute(native, connection, statement))
        if ('stream' in answer) return { chunks: streamed(native, connection, answer), summary: {} }
        native.CloseConnection(connection)
        return { chunks: once(answer.bytes), summary: answer.summary }
      } catch (error) {
        native.CloseConnection(connection)
        throw error
      }
    },
    close: () => native.CloseConnection(anchor),
  }
}

let last: Promise<unknown> = Promise.resolve()

/** The engine aborts the process when statements with parameters race, so that its calls never overlap. */
function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const mine = last.then(work)
  last = mine.catch(() => {})
  return mine
}

type Executed = { bytes: Buffer; summary: Record<string, number> } | Cursor

async function execute(native: Native, connection: Connection, statement: Statement): Promise<Executed> {
  const { sql, format, data } = statement
  for (const before of preparation(statement)) await native.QueryAsyncConnection(connection, before, format)
  if (data && isInsert(sql)) return await insert(native, connection, sql, data)
  if (isStreamable(statement)) return await startStream(native, native.StreamQuery(connection, sql, format))
  const text = data ? `${sql}\n${data}` : sql
  const { bytes, rowsRead, bytesRead } = await native.QueryAsyncConnection(connection, text, format)
  return { bytes, summary: { read_rows: rowsRead, read_bytes: bytesRead } }
}

async function insert(native: Native, connection: Connection, sql: string, data: Buffer): Promise<Executed> {
  const nothing = { rowsWritten: 0, bytesWritten: 0 } // the engine calls no data an error, a server does not
  const inserted =
    data.length === 0
      ? nothing
      : data.includes(blankLine)
        ? await insertFile(native, connection, sql, data)
        : await native.InsertRawAsyncConnection(connection, sql, data, false)
  return {
    bytes: Buffer.alloc(0),
    summary: { written_rows: inserted.rowsWritten, written_bytes: inserted.bytesWritten },
  }
}

/** The engine takes data as a part of the statement's text, where a blank line ends it. */
const blankLine = '\n\n'

async function insertFile(native: Native, connection: Connection, sql: string, data: Buffer): Promise<InsertResult> {
  const file = join(tmpdir(), `penstock-insert-${randomUUID()}`)
  await writeFile(file, data)
  try {
    const fromFile = sql.replace(/\bFORMAT\s+(\w+)\s*$/i, `FROM INFILE '${file}' FORMAT $1`)
    await native.QueryAsyncConnection(connection, fromFile, 'TabSeparated')
    return { rowsWritten: 0, bytesWritten: data.length } // the engine does not say how many rows
  } finally {
    await rm(file)
  }
}

interface Cursor {
  stream: Stream
  /** Read before the answer starts, so that most errors still become a status code. */
  first: Buffer | undefined
}

async function startStream(native: Native, stream: Stream): Promise<Cursor> {
  try {
    return { stream, first: await fetchChunk(native, stream) }
  } catch (error) {
    native.StreamCancel(stream)
    throw error
  }
}

async function fetchChunk(native: Native, stream: Stream): Promise<Buffer | undefined> {
  const fetched = await native.StreamFetch(stream)
  return fetched.done ? undefined : fetched.bytes
}

/** Other statements run between two chunks, so that a slow client holds nobody up. */
function streamed(native: Native, connection: Connection, { stream, first }: Cursor): AsyncIterable<Buffer> {
  let pending: Promise<Buffer | undefined> | undefined = Promise.resolve(first)
  let isOpen = true
  const close = () => {
    if (!isOpen) return
    isOpen = false
    native.StreamCancel(stream)
    native.CloseConnection(connection)
  }
  const next = async (): Promise<IteratorResult<Buffer>> => {
    try {
      const value = await (pending ?? oneAtATime(() => fetchChunk(native, stream)))
      pending = undefined
      if (value) return { done: false, value }
      close()
      return { done: true, value: undefined }
    } catch (error) {
      close()
      throw error
    }
  }
  const end = () => oneAtATime(async () => close())
  const iterator: AsyncIterator<Buffer> = { next, return: () => end().then(() => ({ done: true, value: undefined })) }
  return { [Symbol.asyncIterator]: () => iterator }
}

async function* once(bytes: Buffer): AsyncIterable<Buffer> {
  if (bytes.length > 0) yield bytes
}
