import { createWriteStream } from 'node:fs'
import { open, readdir, rename, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Person } from '../holdings.ts'
import { recordsOf } from './held.ts'
import { filePattern } from './name.ts'
import { type RecordFile, rowsOf } from './rows.ts'

/*
  A row keeps its place and its length: the sink knows how long its newest file is, and those who follow the files know how
  far they have come. So a plain file is written over where it stands, also while the sink appends to it; a compressed one is made anew.
*/

/** Masks the person's rows in a file; resolves to how many there were. */
export async function eraseFrom(file: RecordFile, person: Person, signal: AbortSignal): Promise<number> {
  const rows = new Map<number, Buffer>()
  for await (const row of recordsOf(file, signal)) {
    if (!row.isOf(person)) continue
    const masked = row.masked()
    if (!masked)
      throw new Error(
        `A line of ${file.path} was changed by hand and cannot be masked at its length: erase ${person.consumer} there yourself.`,
      )
    rows.set(row.at, masked)
  }
  if (rows.size === 0) return 0
  await (file.gzip ? rewrite(file, rows, signal) : overwrite(file, rows))
  return rows.size
}

/** Drafts of compressed files: of one that is being made now, the sink makes another later. */
export async function eraseLeftovers(folder: string, prefix: string): Promise<void> {
  const pattern = filePattern({ prefix })
  const names = await readdir(folder).catch(() => []) // no folder, no drafts
  const drafts = names.filter((name) => {
    const of = name.replace(/\.(?:gz\.part|erasing)$/, '')
    return of !== name && pattern.test(of)
  })
  for (const draft of drafts) await unlink(join(folder, draft)).catch(() => {}) // made a file by now, which comes next
}

async function overwrite({ path }: RecordFile, rows: ReadonlyMap<number, Buffer>): Promise<void> {
  const { atimeMs, mtimeMs } = await stat(path)
  await using file = await open(path, 'r+')
  for (const [at, row] of rows) await file.write(row, 0, row.length, at)
  await file.sync()
  await utimes(path, atimeMs / 1000, mtimeMs / 1000) // its age decides how long it is kept
}

async function rewrite(file: RecordFile, rows: ReadonlyMap<number, Buffer>, signal: AbortSignal): Promise<void> {
  const draft = `${file.path}.erasing`
  const lines = async function* () {
    for await (const { text, at } of rowsOf(file, signal)) {
      yield rows.get(at) ?? text
      yield '\n'
    }
  }
  await pipeline(lines, createGzip(), createWriteStream(draft), { signal })
  await using written = await open(draft, 'r+')
  await written.sync()
  await utimes(draft, file.endedMs / 1000, file.endedMs / 1000)
  await rename(draft, file.path)
}
