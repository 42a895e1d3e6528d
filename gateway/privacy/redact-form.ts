import { mark } from './mark.ts'
import type { Secrecy } from './redact-json.ts'

/** Takes secrets out of a form (`application/x-www-form-urlencoded`), which may be cut anywhere. What it keeps stays as it is written. */
export function redactForm(text: string, { isSecret, scrub, found }: Secrecy): string {
  const fields = text.split('&').map((field) => {
    const equals = field.indexOf('=')
    if (equals < 0) return scrub(field)
    const name = decoded(field.slice(0, equals))
    const value = decoded(field.slice(equals + 1))
    if (name === undefined || isSecret(name)) {
      if (value) found(value)
      return `${field.slice(0, equals)}=${mark}`
    }
    if (value === undefined) return `${field.slice(0, equals)}=${mark}` // nobody knows what it says
    const scrubbed = scrub(value)
    return scrubbed === value ? field : `${field.slice(0, equals)}=${encodeURIComponent(scrubbed)}`
  })
  return fields.join('&')
}

/** Undefined where it is not percent-encoded as it must be. An escape that is cut at the end is left out. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replace(/%[0-9a-fA-F]?$/, '').replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
