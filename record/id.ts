import { randomUUID } from 'node:crypto'

/** The first half of an id, which is the same within a millisecond. */
let timed = ''
let timedMs = -1

/** A UUIDv7: time-ordered, so that ids cluster in indexes. */
export function newRecordId(nowMs: number = Date.now()): string {
  const ms = Math.floor(nowMs)
  if (ms !== timedMs) {
    const hex = ms.toString(16).padStart(12, '0')
    timed = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7`
    timedMs = ms
  }
  return timed + randomUUID().slice(15)
}
