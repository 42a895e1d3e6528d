import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { BodyKind } from '../privacy/redaction.ts'

/** Kinds of bodies that secrets can be told from. */
const kinds: readonly (readonly [form: RegExp, kind: BodyKind])[] = [
  [/^(?:application\/(?:json|x-ndjson|ndjson|jsonl)|text\/json|[^;]+\+json)$/, 'json'],
  [/^application\/x-www-form-urlencoded$/, 'form'],
  [/^(?:text\/(?:plain|html|xml)|application\/(?:xml|graphql)|[^;]+\+xml)$/, 'text'],
]

/** What a Content-Type says. */
export interface ContentType {
  /** Without parameters, in lower case; empty where there is none. */
  readonly type: string
  /** Undefined where nothing can be told about secrets in it. */
  readonly kind: BodyKind | undefined
  readonly charset: string
}

export function parseContentType(header: string): ContentType {
  const [first = '', ...parameters] = header.toLowerCase().split(';')
  const type = first.trim()
  const kind = type === '' ? 'json' : kinds.find(([form]) => form.test(type))?.[1]
  const charset = parameters.map((text) => /^\s*charset\s*=\s*"?([\w.:-]+)/.exec(text)?.[1]).find(Boolean)
  return { type, kind, charset: charset ?? 'utf-8' }
}

/** The text of a body; undefined where it is none in this charset. */
export function toText(bytes: Uint8Array, charset: string): string | undefined {
  try {
    const text = new TextDecoder(charset).decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined // there is no such charset
  }
}

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** What takes a content coding off; undefined where none is known for it. */
export function decoderOf(coding: string): (() => Transform) | undefined {
  return Object.hasOwn(decoders, coding) ? decoders[coding] : undefined
}

/** Takes a content coding off. Never throws: of what is cut or broken, it gives what came before. */
export async function decode(
  encoded: Uint8Array,
  openDecoder: () => Transform,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly isCut: boolean }> {
  const chunks: Buffer[] = []
  let length = 0
  const decoder = openDecoder()
  decoder.end(encoded)
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes) break // which ends the decoder, however much there is
    }
  } catch {
    return { bytes: Buffer.concat(chunks), isCut: true }
  }
  const isCut = length > maxBytes
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut }
}
