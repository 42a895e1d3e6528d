import { globSync, lstatSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RequestRecord } from '../../../record/fields.ts'
import type { Log } from '../../../runtime/log.ts'
import { openManifest, type StoredFile } from '../../../sinks/store/manifest.ts'
import { type OpenStoreOptions, openStore, type Store } from '../../../sinks/store/open.ts'
import { aBlock, patience } from '../delivery.ts'

/** A folder for one store, removed after the test. */
export async function aFolder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'penstock-store-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** Opens a store in a folder; it is closed after the test where the test has not done so. */
export async function openIn(t: TestContext, dir: string, options: Partial<OpenStoreOptions> = {}): Promise<TestStore> {
  const said: string[] = []
  const log: Log = (_level, sentence) => said.push(sentence)
  const store = await openStore({
    dir,
    retentionDays: 90,
    maxBytes: 1024 * 1024 * 1024,
    memoryBytes: 128 * 1024 * 1024,
    log,
    ...options,
  })
  t.after(async () => await store[Symbol.asyncDispose]())
  return {
    store,
    said,
    append: (records, block = {}) => store.append({ ...aBlock(records), ...block }, patience()),
    count: () => countRecords(store),
    close: async () => await store[Symbol.asyncDispose](),
  }
}

export interface TestStore {
  readonly store: Store
  /** Sentences that the store logged. */
  readonly said: readonly string[]
  append(records: readonly RequestRecord[], block?: { token?: string; appendedAtMs?: number }): Promise<void>
  /** How many records a question finds. */
  count(): Promise<number>
  close(): Promise<void>
}

export async function countRecords(store: Store): Promise<number> {
  const { rows } = await store.query(
    { sql: 'SELECT count(*)::INTEGER AS records FROM records', params: {}, ...always },
    patience(),
  )
  return Number(rows[0]?.records)
}

/** Every time that a record can have. */
export const always = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }

/** What the folder takes on the disk, as `du` counts it. */
export function bytesUnder(dir: string): number {
  return [dir, ...globSync(join(dir, '**/*'))].reduce((sum, path) => {
    const found = lstatSync(path, { throwIfNoEntry: false }) // it may just have gone
    return sum + (found ? found.blocks * 512 : 0)
  }, 0)
}

/** The files that the manifest of a closed store lists. */
export function listedIn(dir: string): readonly StoredFile[] {
  using manifest = openManifest(join(dir, 'manifest.db'))
  return manifest.all()
}

/** Paths of the Parquet files on the disk, relative to the folder. */
export function parquetIn(dir: string): string[] {
  return globSync('**/*.parquet', { cwd: dir }).sort()
}
