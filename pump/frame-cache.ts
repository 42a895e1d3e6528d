import type { Frame } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import { decodeFrame, FrameError, FrameVersionError, frameIdentityBytes, Undecodable } from '../record/frame.ts'

/** One record of a frame, or what stands in its place where it cannot be decoded. */
export type Entry = RequestRecord | Undecodable

/** 10 s: sinks that keep up read a frame within moments of each other; of a backlog each reads another part, and keeping it would only cost memory. */
const freshMs = 10_000

/** Decodes each fresh frame once for all sinks while it stays within `maxBytes` of frames; the oldest go first. */
export class FrameCache {
  readonly #maxBytes: number
  readonly #frames = new Map<string, { entries: readonly Entry[]; bytes: number }>()
  readonly #now: () => number
  #bytes = 0

  constructor(maxBytes: number, now = Date.now) {
    this.#maxBytes = maxBytes
    this.#now = now
  }

  /** The entries of a frame; as many as were stamped beside it, also where its bytes are torn. */
  entries(shard: string, frame: Frame): readonly Entry[] {
    // A log that has lost its tail goes on with other frames in the same places, and nobody may have noticed yet.
    const key = `${shard}/${frame.offset}/${identityOf(frame)}`
    const known = this.#frames.get(key)
    if (known) return known.entries
    const entries = toEntries(frame)
    if (this.#now() - frame.appendedAtMs > freshMs) return entries
    this.#frames.set(key, { entries, bytes: frame.bytes.length })
    this.#bytes += frame.bytes.length
    for (const [oldest, { bytes }] of this.#frames) {
      if (this.#bytes <= this.#maxBytes) break
      this.#frames.delete(oldest)
      this.#bytes -= bytes
    }
    return entries
  }

  /** Forgets everything: offsets of a log that was reset name other frames. */
  clear(): void {
    this.#frames.clear()
    this.#bytes = 0
  }
}

function identityOf({ bytes }: Frame): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, frameIdentityBytes)).toString('latin1')
}

function toEntries(frame: Frame): readonly Entry[] {
  try {
    const entries = decodeFrame(frame.bytes)
    if (entries.length === frame.count) return entries
    return torn(frame, `the frame holds ${entries.length} records, not the ${frame.count} stamped beside it`)
  } catch (error) {
    if (!(error instanceof FrameError) || error instanceof FrameVersionError) throw error
    return torn(frame, error.message)
  }
}

/** Every record of a torn frame is counted; the first one keeps the bytes for whoever wants to look. */
function torn(frame: Frame, reason: string): readonly Entry[] {
  const empty = new Uint8Array()
  return Array.from({ length: frame.count }, (_, i) => new Undecodable(i === 0 ? frame.bytes : empty, reason))
}
