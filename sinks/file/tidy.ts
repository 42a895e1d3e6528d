import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Log } from '../../runtime/log.ts'
import type { FileOptions } from './options.ts'

export interface TidyOptions {
  readonly folder: string
  /** The files of one shard; its group `gz` tells the compressed ones. */
  readonly pattern: RegExp
  /** Names of those that are not complete; asked before each step. */
  readonly inUse: () => ReadonlySet<string>
  readonly keep: FileOptions['keep']
  readonly gzip: boolean
  readonly log: Log
  readonly signal: AbortSignal
  readonly nowMs?: () => number
}

/** Removes complete files that are not to be kept, oldest first, and compresses those that stay. */
export async function tidy(options: TidyOptions): Promise<void> {
  const { folder, keep, log, signal, nowMs = Date.now } = options
  const complete = await completeFiles(options)
  const tooMany = keep.files === undefined ? 0 : complete.length - keep.files
  for (const [i, { name, endedMs }] of complete.entries()) {
    signal.throwIfAborted()
    const isTooOld = keep.days !== undefined && nowMs() - endedMs > keep.days * 24 * 3_600_000
    if (i < tooMany || isTooOld) {
      await unlink(join(folder, name))
      log('info', 'Old file was removed.', { path: join(folder, name), reason: isTooOld ? 'keep.days' : 'keep.files' })
    } else if (options.gzip && !name.endsWith('.gz')) await compress(join(folder, name), endedMs, signal)
  }
}

interface CompleteFile {
  readonly name: string
  /** When its last record was written, Unix milliseconds. */
  readonly endedMs: number
}

async function completeFiles({ folder, pattern, inUse }: TidyOptions): Promise<CompleteFile[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name) && !inUse().has(name))
  const files = await Promise.all(
    names.map(async (name) => ({ name, endedMs: (await stat(join(folder, name))).mtimeMs })),
  )
  return files.sort((a, b) => a.endedMs - b.endedMs || (a.name < b.name ? -1 : 1))
}

/** Stands beside the file until it is whole; a crash in between leaves both or one, and the next run ends it. */
async function compress(path: string, endedMs: number, signal: AbortSignal): Promise<void> {
  const draft = `${path}.gz.part`
  await pipeline(createReadStream(path), createGzip(), createWriteStream(draft), { signal })
  await utimes(draft, endedMs / 1000, endedMs / 1000)
  await rename(draft, `${path}.gz`)
  await unlink(path)
}
