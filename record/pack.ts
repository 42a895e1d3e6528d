import { Packr } from 'msgpackr'
import type { Texts } from './texts.ts'

/**
 * What a value mostly is; anything else is packed as well, only slower. A `shared` one is a text that other records have too:
 * packed as its place among the frame's texts.
 */
export type Kind = 'shared' | 'text' | 'number' | 'map' | 'any'

/** 64 KiB: the packed records of one frame lie in one or two slabs. */
const slabBytes = 64 * 1024
/** What the longest short texts may take between two that ask for room: 90 values and a map. */
const roomBytes = 8 * 1024
/** A text of fewer UTF-16 units is written unit by unit: quicker than a call into V8. */
const shortLength = 64

const packr = new Packr({ useRecords: false, moreTypes: false })

/**
 * Makes a function that packs objects as a MessagePack array of the values of `kinds`, in their order; what it returns
 * is never written again. It knows the kinds beforehand and packs into one slab after another: 0.8 µs a record where
 * msgpackr takes 1.2, and nothing left for the garbage collector but one view.
 */
export function makePacker<T extends object>(
  kinds: ReadonlyMap<keyof T & string, Kind>,
): (value: T, texts: Texts) => Uint8Array {
  if (kinds.size > 90) throw new RangeError(`${kinds.size} values may need more than ${roomBytes} bytes.`)
  let slab = Buffer.allocUnsafeSlow(slabBytes)
  let start = 0
  let at = 0
  let texts: Texts

  /** Moves what the record has so far to a slab with room for `bytes` more. */
  function makeRoom(bytes: number): void {
    if (slab.length - at >= bytes + roomBytes) return
    const larger = Buffer.allocUnsafeSlow(Math.max(slabBytes, 2 * (at - start + bytes + roomBytes)))
    slab.copy(larger, 0, start, at)
    slab = larger
    at -= start
    start = 0
  }

  /** What is no text has no place, and is packed as nothing. */
  function shared(value: string): void {
    if (typeof value === 'string') number(texts.place(value))
    else slab[at++] = 0xc0
  }

  function text(value: string): void {
    if (typeof value !== 'string') any(value)
    else if (value.length >= shortLength || !shortText(value)) longText(value)
  }

  /** False where it is not all ASCII: then nothing is written. */
  function shortText(value: string): boolean {
    const length = value.length
    let to = at + (length < 32 ? 1 : 2)
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      slab[to++] = unit
    }
    if (length < 32) slab[at] = 0xa0 | length
    else {
      slab[at] = 0xd9
      slab[at + 1] = length
    }
    at = to
    return true
  }

  function longText(value: string): void {
    const mostBytes = value.length * 3 // a UTF-16 unit becomes at most three bytes
    makeRoom(mostBytes)
    if (mostBytes <= 0xffff) {
      const bytes = slab.write(value, at + 3)
      slab[at] = 0xda
      slab.writeUInt16BE(bytes, at + 1)
      at += 3 + bytes
    } else {
      const bytes = slab.write(value, at + 5)
      slab[at] = 0xdb
      slab.writeUInt32BE(bytes, at + 1)
      at += 5 + bytes
    }
  }

  function number(value: number): void {
    if (typeof value !== 'number') any(value)
    else if (!(value >= 0 && value <= 0xffff_ffff && Number.isInteger(value))) {
      slab[at] = 0xcb
      slab.writeDoubleBE(value, at + 1)
      at += 9
    } else if (value < 0x80) slab[at++] = value
    else if (value <= 0xffff) {
      slab[at] = 0xcd
      slab[at + 1] = value >>> 8
      slab[at + 2] = value
      at += 3
    } else {
      slab[at] = 0xce
      slab[at + 1] = value >>> 24
      slab[at + 2] = value >>> 16
      slab[at + 3] = value >>> 8
      slab[at + 4] = value
      at += 5
    }
  }

  function map(value: Readonly<Record<string, string>> | null): void {
    const keys = value && typeof value === 'object' ? Object.keys(value) : undefined
    if (!value || !keys || keys.length > 15) any(value)
    else {
      makeRoom(0)
      slab[at++] = 0x80 | keys.length
      for (const key of keys) {
        text(key)
        text(value[key]!) // one of its keys
      }
    }
  }

  function any(value: unknown): void {
    if (value === null || value === undefined) {
      slab[at++] = 0xc0
      return
    }
    const packed = packr.pack(value)
    makeRoom(packed.length)
    packed.copy(slab, at)
    at += packed.length
  }

  // Built once: a call for each value by name is several times faster than a loop over names.
  const calls = Array.from(kinds, ([name, kind]) => `${kind}(value[${JSON.stringify(name)}])`)
  const writers = { shared, text, number, map, any }
  const body = `const { shared, text, number, map, any } = writers; return (value) => { ${calls.join(';')} }`
  const write = new Function('writers', body)(writers) as (value: T) => void

  return (value, ofFrame) => {
    texts = ofFrame
    if (slab.length !== slabBytes || slab.length - at < roomBytes) {
      slab = Buffer.allocUnsafeSlow(slabBytes) // a slab that was made larger would hold on to its memory for small records
      at = 0
    }
    start = at
    slab[at] = 0xdc
    slab.writeUInt16BE(kinds.size, at + 1)
    at += 3
    write(value)
    return slab.subarray(start, at)
  }
}
