import { setImmediate as turn } from 'node:timers/promises'
import type { Database } from './database.ts'
import { forgetMinutes } from './minutes.ts'

export interface TrimOptions {
  /** Passed frames stay for this long, while the log is less than half full. */
  readonly keepMs: number
  /** Frames appended at this time or later stay, however full the log is. */
  readonly keepSinceMs: number
  readonly maxBytes: number
  readonly now: () => number
}

/** 5 ms: as long as an append may have to wait for a slice of trimming. */
const sliceMs = 5
const firstSliceFrames = 64
/** 90 days: a producer that comes back later than that is met as a new one. */
const forgetProducersAfterMs = 90 * 24 * 3600 * 1000

interface PassedRow {
  readonly offset: number
  readonly size: number
  readonly appended_at_ms: number
}

/** Deletes the frames that every reader has passed, slice by slice, so that others may write in between. Resolves to how many. */
export async function trimFrames(db: Database, options: TrimOptions): Promise<number> {
  let total = 0
  for (let sliceFrames = firstSliceFrames; ; ) {
    const startedAtMs = performance.now()
    const gone = db.change(() => trimSlice(db, sliceFrames, options))
    total += gone
    if (gone < sliceFrames) break
    sliceFrames = performance.now() - startedAtMs > sliceMs ? Math.ceil(sliceFrames / 4) : sliceFrames * 2
    await turn()
  }
  forgetProducers(db, options.now() - forgetProducersAfterMs)
  db.change(() => forgetMinutes(db.sql, options.now()))
  return total
}

function trimSlice({ sql }: Database, limit: number, { keepMs, keepSinceMs, maxBytes, now }: TrimOptions): number {
  // Without a reader the minimum is NULL, and nothing lies before it.
  const passed = sql.all`
    SELECT offset, length(bytes) AS size, appended_at_ms FROM frames
    WHERE offset < (SELECT min(cursor_offset) FROM readers) ORDER BY offset LIMIT ${limit}
  ` as unknown as PassedRow[] // the columns are named in the statement
  const { size_bytes: heldBytes } = sql.get`SELECT size_bytes FROM log` as { size_bytes: number } // made with the file
  let restBytes = heldBytes
  let gone = 0
  for (const { size, appended_at_ms } of passed) {
    if (appended_at_ms >= keepSinceMs) break
    if (appended_at_ms > now() - keepMs && restBytes <= maxBytes / 2) break
    restBytes -= size
    gone++
  }
  const last = passed[gone - 1]
  if (!last) return 0
  sql.run`DELETE FROM frames WHERE offset <= ${last.offset}`
  sql.run`UPDATE log SET size_bytes = ${restBytes}`
  return gone
}

function forgetProducers(db: Database, beforeMs: number): void {
  db.change(
    () =>
      db.sql
        .run`DELETE FROM producers WHERE changed_at_ms < ${beforeMs} AND NOT EXISTS (SELECT 1 FROM frames WHERE producer_id = producers.id)`,
  )
}
