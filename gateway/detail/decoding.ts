import type { Transform } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

/** 8 MiB, as RFC 8878 advises: how far back zstd may refer, which is the memory that it takes. */
const zstdWindowLog = 23

type OpenDecoder = () => Transform

const openers: ReadonlyMap<string, OpenDecoder> = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
  ['zstd', () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } })],
])

/** 4 at a time: what comes from clients may make each of them take up to 16 MiB. */
const atOnceMax = 4

export interface Decoded {
  readonly bytes: Buffer
  /** Whether some of it was cut, or could not be decoded. */
  readonly isCut: boolean
}

/** Takes content codings off, a few bodies at a time. */
export class Decoding {
  #running = 0
  readonly #waiting: (() => void)[] = []

  /**
   * The first bytes of what was encoded; undefined where the coding is not known. Never rejects: of what is cut or broken,
   * it gives what came before.
   */
  decode(encoded: Uint8Array, coding: string, maxBytes: number): Promise<Decoded> | undefined {
    const open = openers.get(coding)
    return open && this.#inTurn(() => firstBytes(encoded, open, maxBytes))
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= atOnceMax) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}

async function firstBytes(encoded: Uint8Array, open: OpenDecoder, maxBytes: number): Promise<Decoded> {
  const chunks: Buffer[] = []
  let length = 0
  let isBroken = false
  try {
    const decoder = open()
    decoder.end(encoded)
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes) break // which ends the decoder, however much there is
    }
  } catch {
    isBroken = true
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut: isBroken || length > maxBytes }
}
