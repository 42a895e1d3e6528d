import { comparePositions, endOf, type Position, type Reader } from '../buffer/buffer.ts'

/** 1 MiB: what is given up may be a large part of the log, and is counted a slice at a time. */
const readBytes = 1024 * 1024

/** What was given up; no records where there was nothing to give up. */
export interface Evicted {
  readonly records: number
  readonly bytes: number
}

/** Gives up the oldest records of about `bytes`, for this reader alone: whole frames, and to the end of every seal that it touches, so that no sealed block is halved. */
export async function evictOldest(reader: Reader, wantedBytes: number): Promise<Evicted> {
  let to: Position = reader.cursor
  let records = 0
  let bytes = 0
  const throughSeals = reader.seals.at(-1)?.to ?? reader.cursor
  while (bytes < wantedBytes || comparePositions(to, throughSeals) < 0) {
    const frames = await reader.read(to, { maxBytes: readBytes })
    if (frames.length === 0) break
    for (const frame of frames) {
      if (bytes >= wantedBytes && comparePositions(to, throughSeals) >= 0) break
      records += frame.count - (frame.offset === to.offset ? to.index : 0)
      bytes += frame.bytes.length
      to = endOf(frame)
    }
  }
  if (records > 0) await reader.evict(to, records)
  return { records, bytes }
}

/** What operators read wherever it happens. */
export const evictedSentence = 'Oldest records were given up for this sink, because it held a nearly full buffer.'
