import type { Detail } from '../../record/fields.ts'
import { mark, type ReplaceByName, replaceByName } from './replace.ts'

const headerParts = ['requestHeaders', 'responseHeaders'] as const
const bodyParts = ['requestBody', 'responseBody'] as const

interface Hiding {
  /** By header name, in both directions. */
  readonly headers: ReplaceByName | undefined
  /** By the name of a member at any depth of a JSON body, or of a field of a form. */
  readonly body: ReplaceByName | undefined
}

/** The detail without what the names give away. A body in which names cannot be told from values is taken out whole. */
export function hideInDetail(detail: Detail, { headers, body }: Hiding): Detail {
  const hidden: Detail = { ...detail }
  for (const part of headerParts) {
    const values = detail[part]
    if (headers && values) hidden[part] = replaceByName(values, headers)
  }
  for (const part of bodyParts) {
    const text = detail[part]
    if (!body || !text) continue
    const type = detail[part === 'requestBody' ? 'requestHeaders' : 'responseHeaders']?.['content-type'] ?? ''
    hidden[part] = type.startsWith('application/x-www-form-urlencoded')
      ? hideInForm(text, body)
      : hideInJson(text, body)
  }
  return hidden
}

/** Names and values and nothing else: in a text of another kind there is no telling which is which. */
const form = /^(?:[\w.~%+*[\]-]+=[^&]*(?:&|$))*$/

function hideInForm(text: string, replaceOf: ReplaceByName): string {
  if (!form.test(text)) return mark
  const fields = [...new URLSearchParams(text)].map(([name, value]) => [name, replaceOf(name)?.(value) ?? value])
  return new URLSearchParams(fields).toString()
}

/** ECMAScript's JSON.rawJSON, and what a reviver is told besides; TypeScript does not declare them yet. */
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, revive: (name: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

/** Written anew from what was read, so that nothing stays that a reader would not see, such as the first of two members of one name. */
function hideInJson(text: string, replaceOf: ReplaceByName): string {
  try {
    const hidden = parse(text, (name, value, { source }) => {
      const replace = replaceOf(name)
      if (replace) return replace(typeof value === 'string' ? value : JSON.stringify(value))
      // A number that JavaScript would write otherwise, such as a large id, stays as it was written.
      return typeof value === 'number' && source && String(value) !== source ? rawJSON(source) : value
    })
    return JSON.stringify(hidden)
  } catch {
    return mark // no JSON, cut short, or nested deeper than the stack
  }
}

/** The detail within `maxBytes` of names, values and bodies: headers come first, then half for each body and what the other leaves. */
export function capDetail(detail: Detail, maxBytes: number): Detail {
  const capped: Detail = { ...detail }
  const cut = new Set(detail.truncated)
  let left = maxBytes
  for (const part of headerParts) {
    const bytes = headerBytes(detail[part])
    if (bytes <= left) left -= bytes
    else {
      delete capped[part]
      cut.add(part)
    }
  }
  const half = left >> 1
  const requestBytes = Math.max(half, left - Buffer.byteLength(detail.responseBody ?? ''))
  const responseBytes = Math.max(left - half, left - Buffer.byteLength(detail.requestBody ?? ''))
  for (const [part, most] of [['requestBody', requestBytes] as const, ['responseBody', responseBytes] as const]) {
    const body = detail[part]
    if (body === undefined || Buffer.byteLength(body) <= most) continue
    capped[part] = cutTo(body, most)
    cut.add(part)
  }
  return cut.size > 0 ? { ...capped, truncated: [...cut] } : capped
}

function headerBytes(headers: Readonly<Record<string, string>> = {}): number {
  return Object.entries(headers).reduce((sum, parts) => sum + Buffer.byteLength(parts.join('')), 0)
}

/** The first bytes of a text, up to the last whole character within `maxBytes`. */
function cutTo(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  let end = maxBytes
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
