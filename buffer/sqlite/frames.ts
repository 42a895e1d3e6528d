import type { SQLTagStore } from 'node:sqlite'
import type { Frame, StampedFrame } from '../buffer.ts'

/** There is one shard: several files would not make a disk faster. */
export const onlyShard = '0'

interface FrameRow {
  readonly offset: number
  readonly count: number
  readonly appended_at_ms: number
  readonly bytes: Uint8Array
}

/** Frames from an offset on, at least one and about `maxBytes`. */
export function readFrames(sql: SQLTagStore, offset: number, maxBytes: number): Frame[] {
  const rows = sql.iterate`SELECT offset, count, appended_at_ms, bytes FROM frames WHERE offset >= ${offset} ORDER BY offset`
  return takeBytes(rows as unknown as Iterable<FrameRow>, maxBytes).map(toFrame) // the columns are named in the statement
}

/** Frames of a producer's boot from a seq on, at least one and about `maxBytes`. */
export function findFrames(
  sql: SQLTagStore,
  { producer, boot, seq }: Pick<StampedFrame, 'producer' | 'boot' | 'seq'>,
  maxBytes: number,
): StampedFrame[] {
  const rows = sql.iterate`
    SELECT seq, made, count, bytes FROM frames
    WHERE producer_id = (SELECT id FROM producers WHERE producer = ${producer} AND boot = ${boot}) AND seq >= ${seq} ORDER BY seq
  ` as unknown as Iterable<Omit<StampedFrame, 'producer' | 'boot'>> // the columns are named in the statement
  return takeBytes(rows, maxBytes).map((row) => ({ producer, boot, ...row }))
}

function takeBytes<Row extends { readonly bytes: Uint8Array }>(rows: Iterable<Row>, maxBytes: number): Row[] {
  const taken: Row[] = []
  let roomBytes = maxBytes
  for (const row of rows) {
    taken.push(row)
    roomBytes -= row.bytes.length
    if (roomBytes <= 0) break
  }
  return taken
}

function toFrame({ offset, count, appended_at_ms: appendedAtMs, bytes }: FrameRow): Frame {
  return { offset, count, cumulative: offset + count, appendedAtMs, bytes }
}
