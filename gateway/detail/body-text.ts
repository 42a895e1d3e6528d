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
