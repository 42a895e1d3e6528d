/** 4,096: every name costs DuckDB a part of a type, and a column with more is no dictionary. */
export const dictionaryMax = 4096
/** A power of two, and four times as many places as names: most are found at the first look. */
const places = 4 * dictionaryMax
/** So many looks are never needed by chance; names that are made to collide are no dictionary. */
const maxLooks = 32
/** Of longer texts, as many units are hashed, evenly spread. */
const hashedUnits = 128

/**
 * Numbers texts from 0 on. A Map would do, but it makes each text that it is asked for one of V8's shared names first,
 * which costs more than finding it.
 */
export class Dictionary {
  readonly names: string[] = []
  readonly #hashes = new Uint32Array(dictionaryMax)
  /** Code + 1 of the name whose place it is; 0 where it is free. */
  readonly #codes = new Uint16Array(places)

  /** The code of a text, which gets one where it has none; undefined where there is no more room for it. */
  codeOf(text: string): number | undefined {
    const hash = hashOf(text)
    for (let look = 0; look < maxLooks; look++) {
      const place = (hash + look) & (places - 1)
      const code = this.#codes[place]! - 1 // within
      if (code < 0) return this.#name(text, hash, place)
      if (this.#hashes[code] === hash && this.names[code] === text) return code
    }
    return undefined
  }

  #name(text: string, hash: number, place: number): number | undefined {
    const code = this.names.length
    if (code === dictionaryMax) return undefined
    this.names.push(text)
    this.#hashes[code] = hash
    this.#codes[place] = code + 1
    return code
  }
}

/** FNV-1a over UTF-16 units, mixed so that its low bits depend on all. */
function hashOf(text: string): number {
  const step = Math.ceil(text.length / hashedUnits) || 1
  let hash = 0x811c9dc5 ^ text.length
  for (let i = 0; i < text.length; i += step) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
