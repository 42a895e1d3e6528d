import { join } from 'node:path'
import type * as z from 'zod'
import { wait } from '../../runtime/wait.ts'
import type { Holdings } from '../holdings.ts'
import type { SinkContext } from '../sink.ts'
import { loadDuckDb, openEngine, runSql, type SqlRow, type SqlValue } from './duckdb.ts'
import { digestOf } from './erase.ts'
import { manifestName } from './folder.ts'
import { StoreHeldError } from './holder.ts'
import { openManifest, type StoredFile } from './manifest.ts'
import { type OpenStoreOptions, openStore, type Store } from './open.ts'
import type { storeOptions } from './options.ts'
import { recordsSql } from './schema.ts'
import { sumColumns, toMinuteSum } from './sums.ts'

/** 100 ms: how often it is seen whether an erasure is done. */
const lookEveryMs = 100
/** A listed file may be merged into another before it is read; five times in a row it is not. */
const attempts = 5

/**
 * Opens what the store holds, beside the process that has it open or not: the manifest and its files are read as they are.
 * Erasing is asked of that process; where there is none, this one holds the store for so long.
 */
export async function openHoldings(
  options: z.output<typeof storeOptions>,
  { dataDir, log }: SinkContext,
): Promise<Holdings> {
  const dir = options.dir ?? join(dataDir, 'store')
  const look = () => openManifest(join(dir, manifestName), { as: 'guest' })
  const duck = await loadDuckDb()
  const engine = await openEngine(duck, dir, options.memoryBytes)
  const connection = await engine.connect()

  /** Rows of a SELECT over `records`, of files that may hold some of the time. */
  async function ask(
    sql: string,
    [fromUs, toUs]: readonly [number, number],
    params: Record<string, SqlValue>,
    signal: AbortSignal,
  ): Promise<SqlRow[]> {
    for (let attempt = 1; ; attempt++) {
      const files = listed((manifest) => manifest.within(fromUs, toUs))
      const sources = files.map(({ name, columns }) => ({ path: join(dir, name), columns }))
      const whole = `WITH records AS NOT MATERIALIZED (${recordsSql(sources)}) ${sql}`
      try {
        return await runSql(connection, whole, params, signal)
      } catch (error) {
        signal.throwIfAborted()
        const isSame = JSON.stringify(files) === JSON.stringify(listed((manifest) => manifest.within(fromUs, toUs)))
        if (isSame || attempt === attempts) throw error
      }
    }
  }

  function listed(of: (manifest: ReturnType<typeof look>) => readonly StoredFile[]): readonly StoredFile[] {
    using manifest = look()
    return of(manifest)
  }

  const during = '$fromUs <= epoch_us(ts) AND epoch_us(ts) < $toUs'
  const always = [0, Number.MAX_SAFE_INTEGER] as const

  return {
    async minutes({ from, to }, signal) {
      const [fromUs, toUs] = [from * 60_000_000, to * 60_000_000]
      const sql = `SELECT ${sumColumns} FROM records WHERE ${during} GROUP BY minute ORDER BY minute`
      return (await ask(sql, [fromUs, toUs], { fromUs, toUs }, signal)).map(toMinuteSum)
    },
    async *ids(minutes, signal) {
      for (const minute of minutes) {
        const [fromUs, toUs] = [minute * 60_000_000, (minute + 1) * 60_000_000]
        const rows = await ask(
          `SELECT id::VARCHAR AS id FROM records WHERE ${during}`,
          [fromUs, toUs],
          { fromUs, toUs },
          signal,
        )
        for (const { id } of rows) yield { minute, id: String(id) }
      }
    },
    async erased(range) {
      using manifest = look()
      return manifest.erased(range)
    },
    async horizon() {
      using manifest = look()
      const { goneBeforeHour } = manifest.facts
      if (goneBeforeHour === 0) return undefined
      return { minute: goneBeforeHour * 60, because: 'older records were let go of (retentionDays, maxBytes)' }
    },
    async recordsOf({ org, consumer }, signal) {
      const sql = 'SELECT count(*) AS records FROM records WHERE org = $org AND consumer = $consumer'
      const [row] = await ask(sql, always, { org, consumer }, signal)
      return Number(row?.records ?? 0)
    },
    async erase(person, signal) {
      using manifest = look()
      const id = manifest.askErasure(digestOf(person))
      const isDone = () => manifest.erasure(id).isDone
      try {
        while (!isDone()) {
          await using store = await openIfFree({ ...options, dir, log })
          do await wait(lookEveryMs, signal)
          while (store && !isDone())
        }
        return { removed: manifest.erasure(id).removed, overwritten: 0, notes: [] }
      } finally {
        manifest.forgetErasure(id)
      }
    },
    async [Symbol.asyncDispose]() {
      connection.closeSync()
      engine.closeSync()
    },
  }
}

/** The store, where no other process holds it. */
async function openIfFree(options: OpenStoreOptions): Promise<Store | undefined> {
  try {
    return await openStore(options)
  } catch (error) {
    if (error instanceof StoreHeldError) return undefined
    throw error
  }
}
