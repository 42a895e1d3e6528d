import { rmSync } from 'node:fs'
import type { Log } from '../../runtime/log.ts'
import { wait } from '../../runtime/wait.ts'
import { fileName } from './append.ts'
import type { Folder } from './folder.ts'
import type { Manifest, StoredFile } from './manifest.ts'
import { mergeOfClosedHour, mergeOfOpenHour } from './merge-plan.ts'
import type { ParquetWriter } from './parquet.ts'
import type { Room } from './room.ts'
import { columns } from './schema.ts'

/** Keeps the store in order in the background: small files become larger ones, and records whose time is over go. */
export interface Keeper extends AsyncDisposable {
  /** These hours got files. */
  wake(hours: readonly number[]): void
}

export interface KeeperOptions {
  readonly folder: Folder
  readonly manifest: Manifest
  readonly writer: ParquetWriter
  readonly room: Room
  readonly maxBytes: number
  readonly retentionDays: number
  readonly log: Log
  readonly now: () => number
}

const hourMs = 3_600_000
/** A minute: how late an hour is seen to be over, which nobody waits for. */
const lookEveryMs = 60_000
/** 10 minutes without a new file: late records come in crowds, and each would have the whole hour written again. */
const quietMs = 600_000
/** 128 MiB before encoding, some 180,000 usual records and 5 MB of Parquet; but never so much that a merge takes an eighth of the disk limit. */
const mergeMaxBoundBytes = 128 * 1024 * 1024

export function openKeeper(options: KeeperOptions): Keeper {
  const { folder, manifest, writer, room, maxBytes, retentionDays, log, now } = options
  const maxBoundBytes = Math.min(mergeMaxBoundBytes, maxBytes / 8)
  const stop = new AbortController()
  let rest = new AbortController()
  let hoursWithNews = new Set<number>()
  const keeping = keep()

  return {
    wake(hours) {
      for (const hour of hours) hoursWithNews.add(hour)
      rest.abort()
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('The store is closed.'))
      await keeping
    },
  }

  async function keep(): Promise<void> {
    while (!stop.signal.aborted) {
      await tidy().catch((error) => {
        if (!stop.signal.aborted)
          log('warn', 'Files of the store could not be merged; it is tried again later.', { error })
      })
      await wait(lookEveryMs, AbortSignal.any([stop.signal, rest.signal])).catch(() => {}) // woken or stopped
      rest = new AbortController()
    }
  }

  async function tidy(): Promise<void> {
    expire()
    const hours = hoursWithNews
    hoursWithNews = new Set()
    for (const hour of hours) {
      while (await merge(mergeOfOpenHour(manifest.inHour(hour), maxBoundBytes)));
    }
    const over = { before: Math.floor(now() / hourMs), boundBytes: maxBoundBytes / 2, madeBeforeMs: now() - quietMs }
    for (const hour of manifest.unmergedHours(over)) {
      while (await merge(mergeOfClosedHour(manifest.inHour(hour), maxBoundBytes)));
    }
  }

  function expire(): void {
    const firstKept = Math.floor((now() - retentionDays * 24 * hourMs) / hourMs)
    const gone = manifest.before(firstKept)
    if (gone.length === 0) return
    const rows = gone.reduce((sum, file) => sum + file.rows, 0)
    manifest.commit({
      remove: gone,
      facts: {
        expiredRows: manifest.facts.expiredRows + rows,
        goneBeforeHour: Math.max(manifest.facts.goneBeforeHour, firstKept),
      },
    })
    folder.discard(gone)
    log('info', 'Records older than the retention are let go.', { records: rows, files: gone.length, retentionDays })
  }

  /** Makes files one. Resolves to whether there was anything to do. */
  async function merge(files: readonly StoredFile[]): Promise<boolean> {
    const [first] = files
    if (!first) return false
    const boundBytes = sum(files, 'boundBytes')
    using _room = await room.take(boundBytes, stop.signal)
    if (!areListed(files)) return true // making room let them go
    using _lease = folder.lease(files)
    const temp = folder.tempPath()
    const name = fileName(first.hour)
    try {
      const sources = files.map((file) => ({ path: folder.path(file.name), columns: file.columns }))
      await writer.merge(sources, temp, stop.signal)
      const merged: StoredFile = {
        name,
        hour: first.hour,
        columns: columns.length,
        rows: sum(files, 'rows'),
        bytes: await folder.place(temp, name),
        boundBytes,
        minTsUs: Math.min(...files.map(({ minTsUs }) => minTsUs)),
        maxTsUs: Math.max(...files.map(({ maxTsUs }) => maxTsUs)),
        madeAtMs: Math.max(...files.map(({ madeAtMs }) => madeAtMs)),
      }
      if (areListed(files)) manifest.commit({ add: [merged], remove: files })
    } finally {
      rmSync(temp, { force: true })
      const listed = manifest.inHour(first.hour).some((file) => file.name === name)
      if (listed) folder.discard(files)
      else if (folder.has(name)) folder.discard([{ name }])
    }
    return true
  }

  function areListed(files: readonly StoredFile[]): boolean {
    const names = new Set(manifest.inHour(files[0]?.hour ?? 0).map(({ name }) => name))
    return files.every(({ name }) => names.has(name))
  }
}

function sum(files: readonly StoredFile[], field: 'rows' | 'boundBytes'): number {
  return files.reduce((total, file) => total + file[field], 0)
}
