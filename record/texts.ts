/** Before a text in MessagePack; a frame's are never longer than 32 bits say. */
const headBytes = 5

/** Texts that the records of one frame have in common: each stands in the frame once, and its records name its place. */
export class Texts {
  readonly #places = new Map<string, number>()
  /** What they take in the frame, at most. */
  bytes = headBytes

  get size(): number {
    return this.#places.size
  }

  /** In the order of their places. */
  [Symbol.iterator](): Iterator<string> {
    return this.#places.keys()
  }

  /** Place of a text; a new one is taken in. */
  place(text: string): number {
    const known = this.#places.get(text)
    if (known !== undefined) return known
    const place = this.#places.size
    this.#places.set(text, place)
    this.bytes += Buffer.byteLength(text) + headBytes
    return place
  }

  /** Lets go of those that came after the first `size`: of a record that is not taken after all. */
  shrink(size: number): void {
    if (size === this.#places.size) return
    for (const text of [...this.#places.keys()].slice(size)) {
      this.#places.delete(text)
      this.bytes -= Buffer.byteLength(text) + headBytes
    }
  }
}
