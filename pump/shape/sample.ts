/** 2^32: how many values a hash of an id has. */
const hashes = 0x1_0000_0000

/**
 * Whether the record of this id is the one of `oneIn` that is kept. By the id alone: the same at every repeat and in every
 * sink, and what is kept of 100 is also kept of 10.
 */
export function isSampled(id: string, oneIn: number): boolean {
  return hashOf(id) * oneIn < hashes
}

/** FNV-1a and the finalizer of MurmurHash3: ids that differ in one character are spread over all values. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
