import { join } from 'node:path'
import { MinuteSums, minuteOf } from '../../record/minute-sum.ts'
import type { Holdings, MinuteRange } from '../holdings.ts'
import type { SinkContext } from '../sink.ts'
import { eraseFrom, eraseLeftovers } from './erase.ts'
import { toSinkError } from './failure.ts'
import { type HeldRow, recordsOf } from './held.ts'
import type { FileOptions } from './options.ts'
import { listFiles } from './rows.ts'

/** An hour: a record is written after its request began, but clocks differ. */
const skewMs = 3_600_000

/** Opens what the files hold. They are read from their beginning for every question. */
export async function openHoldings(options: FileOptions, { dataDir }: SinkContext): Promise<Holdings> {
  const folder = options.folder ?? join(dataDir, 'files')
  const files = async () => (await listFiles(folder, options.prefix)).filter(({ isSpent }) => !isSpent)

  async function* within(
    { from, to }: MinuteRange,
    signal: AbortSignal,
  ): AsyncGenerator<HeldRow & { ts: number; id: string }> {
    for (const file of await files()) {
      if (file.endedMs + skewMs < from * 60_000) continue
      for await (const row of recordsOf(file, signal)) {
        const { ts, id } = row
        if (ts === undefined || id === undefined || minuteOf(ts) < from || minuteOf(ts) >= to) continue
        yield { ...row, ts, id }
      }
    }
  }

  /** Turns what the file system throws into what may be done about it. */
  async function told<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw toSinkError(error, folder)
    }
  }

  return {
    minutes: (range, signal) =>
      told(async () => {
        const sums = new MinuteSums()
        for await (const row of within(range, signal)) sums.add(row)
        return sums.toList()
      }, signal),
    async *ids(minutes, signal) {
      if (minutes.size === 0) return
      const range = { from: Math.min(...minutes), to: Math.max(...minutes) + 1 }
      for await (const { ts, id } of within(range, signal))
        if (minutes.has(minuteOf(ts))) yield { minute: minuteOf(ts), id }
    },
    erased: async () => [], // nothing is removed, only overwritten
    horizon: (signal) =>
      told(async () => {
        const { keep, fields } = options
        const missing = (['ts', 'id'] as const).filter((name) => fields && !fields.includes(name))
        if (missing.length > 0)
          return { minute: Number.MAX_SAFE_INTEGER, because: `fields leaves out ${missing.join(' and ')}` }
        const byDays = keep.days === undefined ? 0 : Math.ceil((Date.now() - keep.days * 86_400_000) / 60_000)
        const byFiles = keep.files === undefined ? 0 : oldestKept(await files(), keep.files)
        if (Math.max(byDays, byFiles) === 0) return undefined
        const because = byDays > byFiles ? `files are kept for ${keep.days} days` : `${keep.files} files are kept`
        return { minute: Math.max(byDays, byFiles), because }
      }, signal),
    recordsOf: (person, signal) =>
      told(async () => {
        let count = 0
        for (const file of await files()) for await (const row of recordsOf(file, signal)) if (row.isOf(person)) count++
        return count
      }, signal),
    erase: (person, signal) =>
      told(async () => {
        let overwritten = 0
        // Until a whole pass finds nothing: a file may have been compressed in the meantime.
        for (let found = -1; found !== 0; ) {
          await eraseLeftovers(folder, options.prefix)
          found = 0
          for (const file of await listFiles(folder, options.prefix)) {
            const rows = await eraseFrom(file, person, signal)
            found += rows
            if (!file.isSpent) overwritten += rows
          }
        }
        return { removed: 0, overwritten, notes: overwritten > 0 ? [overwrittenNote] : [] }
      }, signal),
    async [Symbol.asyncDispose]() {},
  }
}

const overwrittenNote =
  'Lines stay where they are, with what says something about the consumer blanked: whoever follows the files keeps their place.'

/** The minute from which on no file was removed for being one too many: 0 where none was. */
function oldestKept(files: readonly { readonly shard: string; readonly startMs: number }[], kept: number): number {
  const shards = Map.groupBy(files, ({ shard }) => shard)
  const starts = [...shards.values()].flatMap((group) =>
    group.length < kept ? [] : [Math.min(...group.map(({ startMs }) => startMs))],
  )
  // What was written before the oldest file began before its first record ended: a minute later is beyond doubt for all but the slowest requests.
  return starts.length === 0 ? 0 : Math.floor(Math.max(...starts) / 60_000) + 2
}
