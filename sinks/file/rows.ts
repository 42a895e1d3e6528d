import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { filePattern } from './name.ts'

/** A file of records in the folder. */
export interface RecordFile {
  readonly path: string
  readonly shard: string
  /** Start of its first record, Unix milliseconds. */
  readonly startMs: number
  /** When it was last written, Unix milliseconds. */
  readonly endedMs: number
  readonly format: 'jsonl' | 'csv'
  readonly gzip: boolean
  /** The same records are there compressed, and this file is about to be removed. */
  readonly isSpent: boolean
}

/** A row of a file, with the end of its line left out. */
export interface Row {
  readonly text: Buffer
  /** Where it begins, in bytes of what is not compressed. */
  readonly at: number
}

/** Every file of records, in order of name. */
export async function listFiles(folder: string, prefix: string): Promise<RecordFile[]> {
  const pattern = filePattern({ prefix })
  const names = (await readdir(folder).catch(ifMissing([]))).sort()
  const there = new Set(names)
  const files: RecordFile[] = []
  for (const name of names) {
    const { shard = '', start = '', format, gz } = pattern.exec(name)?.groups ?? {}
    if (!format) continue
    const path = join(folder, name)
    const found = await stat(path).catch(ifMissing(undefined)) // it may have been compressed or removed just now
    if (!found) continue
    const startMs = Date.parse(start.replace(/^(.*)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
    files.push({
      path,
      shard,
      startMs,
      endedMs: found.mtimeMs,
      format: format as 'jsonl' | 'csv',
      gzip: gz !== undefined,
      isSpent: there.has(`${name}.gz`),
    }) // as the pattern says
  }
  return files
}

const newline = 0x0a
const quote = 0x22

/** The rows of a file that have their end; the last one may still be written. None where the file is gone. */
export async function* rowsOf({ path, format, gzip }: RecordFile, signal: AbortSignal): AsyncGenerator<Row> {
  let rest: Buffer = Buffer.alloc(0)
  let at = 0
  try {
    for await (const chunk of open(path, gzip, signal)) {
      const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let start = 0
      for (let end = endOfRow(bytes, start, format); end >= 0; end = endOfRow(bytes, start, format)) {
        yield { text: bytes.subarray(start, end), at: at + start }
        start = end + 1
      }
      rest = bytes.subarray(start)
      at += start
    }
  } catch (error) {
    ifMissing(undefined)(error)
  }
}

async function* open(path: string, gzip: boolean, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 256 * 1024, signal })
  if (!gzip) return yield* file as AsyncIterable<Buffer> // no encoding is set
  const plain = new PassThrough()
  const unpacking = pipeline(file, createGunzip(), plain)
  unpacking.catch(() => {}) // whoever reads is told
  yield* plain as Readable & AsyncIterable<Buffer> // as above
  await unpacking
}

/** Where the row ends that begins at `from`: in CSV, a line's end within quotes is text. -1 where its end is not there. */
function endOfRow(bytes: Buffer, from: number, format: RecordFile['format']): number {
  let end = bytes.indexOf(newline, from)
  if (format === 'jsonl' || end < 0) return end
  let quotes = countQuotes(bytes, from, end)
  while (quotes % 2 === 1) {
    const next = bytes.indexOf(newline, end + 1)
    if (next < 0) return -1
    quotes += countQuotes(bytes, end, next)
    end = next
  }
  return end
}

function countQuotes(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = bytes.indexOf(quote, from); at >= 0 && at < to; at = bytes.indexOf(quote, at + 1)) count++
  return count
}

/** Takes a file that is not there for `instead`. */
function ifMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return instead
    throw error
  }
}
