import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Log } from '../../runtime/log.ts'
import { type AppendedBlock, openAppender } from './append.ts'
import { loadDuckDb, openEngine } from './duckdb.ts'
import { openEraser } from './erase.ts'
import { Folder, manifestName } from './folder.ts'
import { holdStore } from './holder.ts'
import { openKeeper } from './keep.ts'
import { type Manifest, openManifest, type Totals } from './manifest.ts'
import { openParquetWriter } from './parquet.ts'
import { openReaders, type StoreAnswer, type StoreStatement } from './read.ts'
import { openRoom } from './room.ts'

/** What there is to say about a store. */
export interface StoreStatus extends Totals {
  /** Bytes that the folder takes, and may take. */
  readonly takenBytes: number
  readonly maxBytes: number
  /** When the log took the newest block that is stored, Unix milliseconds; undefined while there is none. */
  readonly receivedAtMs: number | undefined
  /** Records let go because the disk limit was reached, and because their time was over, since the folder was made. */
  readonly evictedRows: number
  readonly expiredRows: number
  /** Records whose files were gone when the store was opened. */
  readonly lostRows: number
}

/** Records in Parquet files by hour, and the engine that answers questions about them. */
export interface Store extends AsyncDisposable {
  /** Resolves once the block's records are durable and seen by every later question. A token that the store has is passed over. */
  append(block: AppendedBlock, signal: AbortSignal): Promise<void>
  /** The block will not come again. */
  settled(token: string): void
  /** Answers a statement from one state of the store, whatever is written in the meantime. Throws the signal's reason when aborted. */
  query(statement: StoreStatement, signal: AbortSignal): Promise<StoreAnswer>
  status(): StoreStatus
}

export interface OpenStoreOptions {
  readonly dir: string
  readonly retentionDays: number
  readonly maxBytes: number
  readonly memoryBytes: number
  readonly log: Log
  readonly now?: () => number
}

/** Opens a store for this process alone, and makes its folder. Throws HaltError where it can never be opened so. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { maxBytes, memoryBytes, retentionDays, log, now = Date.now } = options
  const dir = resolve(options.dir)
  mkdirSync(dir, { recursive: true })
  const closing = new AbortController()
  await using opening = new AsyncDisposableStack()
  opening.use(holdStore(dir))
  const manifest = opening.use(openManifest(`${dir}/${manifestName}`, { now }))
  const folder = new Folder(dir, maxBytes, manifest.all())
  forgetMissing(manifest, folder, log)

  const duck = await loadDuckDb()
  const engine = await openEngine(duck, dir, memoryBytes)
  opening.defer(() => engine.closeSync())
  const writer = opening.use(await openParquetWriter(duck, engine))
  const readers = opening.use(await openReaders({ engine, folder, manifest }))
  const room = openRoom({ folder, manifest, maxBytes, log })
  opening.use(await openEraser({ engine, folder, manifest, room, log, now }))
  const keeper = opening.use(openKeeper({ folder, manifest, writer, room, maxBytes, retentionDays, log, now }))
  const appender = opening.use(openAppender({ duck, folder, manifest, writer, room, now }))
  opening.defer(() => closing.abort(new Error('The store is closed.')))
  const opened = opening.move()

  return {
    async append(block, signal) {
      const hours = await appender.append(block, AbortSignal.any([signal, closing.signal]))
      keeper.wake(hours)
    },
    settled: (token) => manifest.settle(token),
    query: (statement, signal) => readers.query(statement, AbortSignal.any([signal, closing.signal])),
    status() {
      const { receivedAtMs, evictedRows, expiredRows, lostRows } = manifest.facts
      return {
        ...manifest.totals(),
        takenBytes: folder.takenBytes,
        maxBytes,
        receivedAtMs: receivedAtMs || undefined,
        evictedRows,
        expiredRows,
        lostRows,
      }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Takes files off the list that somebody else removed: without them every question would fail. */
function forgetMissing(manifest: Manifest, folder: Folder, log: Log): void {
  const missing = manifest.all().filter(({ name }) => !folder.has(name))
  if (missing.length === 0) return
  const rows = missing.reduce((sum, file) => sum + file.rows, 0)
  manifest.commit({ remove: missing, facts: { lostRows: manifest.facts.lostRows + rows } })
  log('error', 'Files of the store are missing; their records are lost.', {
    files: missing.map(({ name }) => name),
    records: rows,
  })
}
