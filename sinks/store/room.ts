import type { Log } from '../../runtime/log.ts'
import { HaltError } from '../sink.ts'
import type { Folder, Reservation } from './folder.ts'
import type { Manifest, StoredFile } from './manifest.ts'

/** Hands out room on the disk, so that the limit is never passed. */
export interface Room {
  /** Promises room for `bytes` more; lets the oldest records go until there is. Throws HaltError where the limit is too low for it. */
  take(bytes: number, signal: AbortSignal): Promise<Reservation>
}

export interface RoomOptions {
  readonly folder: Folder
  readonly manifest: Manifest
  readonly maxBytes: number
  readonly log: Log
}

/** A 64th: what is let go at once, so that a full store does so now and then and not with each block. */
const evictedShare = 1 / 64

export function openRoom({ folder, manifest, maxBytes, log }: RoomOptions): Room {
  return {
    async take(bytes, signal) {
      for (;;) {
        signal.throwIfAborted()
        const reservation = folder.reserve(bytes)
        if (reservation) return reservation
        if (folder.isFreeing) await folder.freed(signal)
        else evict(folder.takenBytes + bytes - maxBytes)
      }
    },
  }

  function evict(neededBytes: number): void {
    const gone: StoredFile[] = []
    let bytes = 0
    for (const file of manifest.oldestFirst()) {
      if (bytes >= Math.max(neededBytes, maxBytes * evictedShare)) break
      gone.push(file)
      bytes += file.bytes
    }
    const last = gone.at(-1)
    if (!last) throw new HaltError(`The store's maxBytes of ${maxBytes} leaves no room for a single block: raise it.`)
    const rows = gone.reduce((sum, file) => sum + file.rows, 0)
    manifest.commit({
      remove: gone,
      facts: {
        evictedRows: manifest.facts.evictedRows + rows,
        goneBeforeHour: Math.max(manifest.facts.goneBeforeHour, last.hour + 1),
      },
    })
    folder.discard(gone)
    log('warn', 'The disk limit is reached; the oldest records are let go.', {
      records: rows,
      bytes,
      receivedUntil: new Date((last.hour + 1) * 3_600_000).toISOString(),
      maxBytes,
    })
  }
}
