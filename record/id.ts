import { randomUUID } from 'node:crypto'

/** A UUIDv7: time-ordered, so that ids cluster in indexes. */
export function newRecordId(nowMs: number = Date.now()): string {
  const hex = Math.floor(nowMs).toString(16).padStart(12, '0')
  const random = randomUUID()
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${random.slice(15)}`
}
