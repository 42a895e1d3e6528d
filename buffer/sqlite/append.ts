import { BufferFullError, GapError, type StampedFrame } from '../buffer.ts'
import type { Database } from './database.ts'
import type { DiskRoom } from './disk-room.ts'

export interface AppendLimits {
  readonly maxBytes: number
  readonly reserveBytes: number
  readonly disk: DiskRoom
}

interface ProducerRow {
  readonly id: number
  readonly next_seq: number
}

export function nextSeq({ sql }: Database, producer: string, boot: number): number {
  return findProducer(sql, producer, boot)?.next_seq ?? 0
}

/** Appends what the log does not have yet of one producer's frames, all of it or nothing. */
export function appendFrames(db: Database, frames: readonly StampedFrame[], limits: AppendLimits, nowMs: number): void {
  const first = frames[0]
  if (!first) return
  db.change(() => {
    const { sql } = db
    const known = findProducer(sql, first.producer, first.boot)
    const fresh = freshFrames(frames, known?.next_seq ?? 0)
    if (fresh.length === 0) return
    const bytes = fresh.reduce((sum, frame) => sum + frame.bytes.length, 0)
    checkRoom(db, bytes, limits)
    const id = known?.id ?? addProducer(sql, first, nowMs)
    const { cumulative } = sql.get`SELECT cumulative FROM log` as { cumulative: number } // made with the file
    let offset = cumulative
    for (const { count, seq, made, bytes } of fresh) {
      sql.run`INSERT INTO frames VALUES (${offset}, ${count}, ${nowMs}, ${id}, ${seq}, ${made}, ${bytes})`
      offset += count
    }
    const next = fresh.at(-1)!.seq + 1 // not empty
    sql.run`UPDATE producers SET next_seq = ${next}, appended = appended + ${offset - cumulative}, changed_at_ms = ${nowMs} WHERE id = ${id}`
    sql.run`UPDATE log SET cumulative = ${offset}, size_bytes = size_bytes + ${bytes}`
    limits.disk.take(bytes)
  })
}

/** Moves a boot's expected seq past what is gone for good. */
export function skipFrames(
  db: Database,
  gone: { producer: string; boot: number; throughSeq: number; records: number },
  nowMs: number,
): void {
  db.change(() => {
    const { sql } = db
    const known = findProducer(sql, gone.producer, gone.boot)
    if (gone.throughSeq < (known?.next_seq ?? 0)) return
    const id = known?.id ?? addProducer(sql, gone, nowMs)
    sql.run`UPDATE producers SET next_seq = ${gone.throughSeq + 1}, skipped = skipped + ${gone.records}, changed_at_ms = ${nowMs} WHERE id = ${id}`
  })
}

/** The frames from the expected one on. Throws GapError where one is missing. */
function freshFrames(frames: readonly StampedFrame[], next: number): readonly StampedFrame[] {
  const fresh = frames.filter(({ seq }) => seq >= next)
  for (const [i, { seq }] of fresh.entries()) if (seq !== next + i) throw new GapError(next + i, seq)
  return fresh
}

/** Freed pages of the file take frames whatever the disk has left; it grows only while the reserve stays free. */
function checkRoom({ sql, file }: Database, bytes: number, { maxBytes, reserveBytes, disk }: AppendLimits): void {
  const { size_bytes } = sql.get`SELECT size_bytes FROM log` as { size_bytes: number } // made with the file
  if (size_bytes + bytes > maxBytes)
    throw new BufferFullError(`The buffer ${file} holds ${size_bytes} of at most ${maxBytes} bytes.`)
  const growthBytes = disk.freeBytes() - reserveBytes
  if (bytes <= growthBytes) return
  const { pages } = sql.get`SELECT freelist_count AS pages FROM pragma_freelist_count` as { pages: number } // one row
  const { page } = sql.get`SELECT page_size AS page FROM pragma_page_size` as { page: number } // one row
  if (bytes > pages * page + Math.max(0, growthBytes))
    throw new BufferFullError(`The disk of ${file} has no more than the ${reserveBytes} bytes left that are kept free.`)
}

function findProducer(sql: Database['sql'], producer: string, boot: number): ProducerRow | undefined {
  return sql.get`SELECT id, next_seq FROM producers WHERE producer = ${producer} AND boot = ${boot}` as
    | ProducerRow
    | undefined // the columns are named in the statement
}

function addProducer(
  sql: Database['sql'],
  { producer, boot }: { producer: string; boot: number },
  nowMs: number,
): number {
  const { lastInsertRowid } =
    sql.run`INSERT INTO producers (producer, boot, next_seq, appended, skipped, changed_at_ms) VALUES (${producer}, ${boot}, 0, 0, 0, ${nowMs})`
  return Number(lastInsertRowid)
}
