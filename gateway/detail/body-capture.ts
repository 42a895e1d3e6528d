/** 32 MiB: what all requests being served together may hold of their bodies. Beyond it, what still comes is left out and marked. */
export const capturedBytesMax = 32 * 1024 * 1024

/** Bytes that all captures of a gateway hold. */
export interface Held {
  bytes: number
}

/** 4 KiB: most bodies fit. */
const firstBytes = 4096

/** The beginning of a body on its way through, copied so that nothing else is kept alive by it. */
export class BodyCapture {
  readonly #maxBytes: number
  readonly #held: Held
  #room = Buffer.alloc(0)
  #length = 0
  /** Whether some of it was left out. */
  isCut = false

  constructor(maxBytes: number, held: Held) {
    this.#maxBytes = maxBytes
    this.#held = held
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }

  take(chunk: Buffer): void {
    if (this.isCut) return
    const wanted = this.#length + chunk.length
    if (wanted > this.#room.length) this.#grow(wanted)
    const copied = chunk.copy(this.#room, this.#length)
    this.#length += copied
    this.isCut = copied < chunk.length
  }

  /** Forgets what came so far. */
  restart(): void {
    this.#length = 0
    this.isCut = false
  }

  /** Lets go of what it holds. */
  release(): void {
    this.#held.bytes -= this.#room.length
    this.#room = Buffer.alloc(0)
    this.#length = 0
    this.isCut = true
  }

  #grow(wanted: number): void {
    const size = Math.min(this.#maxBytes, Math.max(wanted, 2 * this.#room.length, firstBytes))
    const more = size - this.#room.length
    if (this.#held.bytes + more > capturedBytesMax) return
    const room = Buffer.allocUnsafeSlow(size)
    this.#room.copy(room, 0, 0, this.#length)
    this.#room = room
    this.#held.bytes += more
  }
}
