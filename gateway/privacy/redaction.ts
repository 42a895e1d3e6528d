import { mark } from './mark.ts'
import { redactForm } from './redact-form.ts'
import { type Redacted, redactJson, type Secrecy } from './redact-json.ts'
import { redactText } from './redact-text.ts'
import type { SecretNames } from './secret-names.ts'

/** How a body is to be read. */
export type BodyKind = 'json' | 'form' | 'text'

/** 8 characters: what is shorter may be a word of any text. */
const valueMin = 8
/** 4 characters: so much of a secret at the end of a text that was cut says something about it. */
const partMin = 4
/** 32 secrets of one request: each is looked for in all of its texts. */
const valuesMax = 32
/** 3: JSON in a text of JSON in a text of JSON. */
const nestingMax = 3

/** An object or a list of JSON, not `[orders] failed`. */
const jsonForm = /^\s*(?:\{\s*["}]|\[\s*[[{"\]])/

/**
 * Takes the secrets out of one request's headers and bodies. What was secret in one place is looked for in all others
 * at the end, as upstreams repeat what they were sent: so every text goes through `finished` last.
 */
export class Redaction {
  readonly #headers: SecretNames
  readonly #fields: SecretNames
  readonly #values = new Set<string>()

  constructor({ headers, fields }: { readonly headers: SecretNames; readonly fields: SecretNames }) {
    this.#headers = headers
    this.#fields = fields
  }

  /** Names a text that must not appear anywhere, however short it is. */
  hide(value: string): void {
    if (value !== '') this.#values.add(value)
  }

  /** The value of a header, by its name in lower case. */
  header(name: string, value: string): string {
    if (!this.#headers.has(name)) return this.#scrub(value, 0)
    this.#hideCredentials(value)
    return mark
  }

  /** A body as it is kept: what cannot be told to be free of secrets is left out. */
  body(kind: BodyKind, text: string): Redacted {
    if (kind === 'json' || jsonForm.test(text)) return redactJson(text, this.#secrecy(0)) // curl sends JSON as a form, unless it is told
    if (kind === 'form') return { text: redactForm(text, this.#secrecy(0)), isWhole: true }
    return { text: redactText(text, this.#isSecret, this.#found), isWhole: true }
  }

  /** A text without the values that were found to be secret elsewhere; where it was cut, without their beginnings at its end. */
  finished(text: string, isCut: boolean): string {
    let finished = text
    for (const value of this.#values) {
      for (const spelling of spellings(value)) {
        finished = finished.replaceAll(spelling, mark)
        if (isCut) finished = withoutBeginning(finished, spelling)
      }
    }
    return finished.toWellFormed()
  }

  readonly #isSecret = (name: string): boolean => this.#fields.has(name)
  readonly #found = (value: string): void => {
    if (value.length >= valueMin && this.#values.size < valuesMax) this.#values.add(value)
  }

  #secrecy(depth: number): Secrecy {
    return { isSecret: this.#isSecret, found: this.#found, scrub: (text) => this.#scrub(text, depth) }
  }

  #scrub(text: string, depth: number): string {
    if (depth < nestingMax && jsonForm.test(text)) return redactJson(text, this.#secrecy(depth + 1)).text
    return redactText(text, this.#isSecret, this.#found)
  }

  /** All that a secret header’s value is made of: a scheme’s credentials, and the values of cookies. */
  #hideCredentials(value: string): void {
    this.#found(value)
    const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(value) ?? []
    this.#found(credentials)
    if (scheme.toLowerCase() === 'basic') {
      const decoded = Buffer.from(credentials, 'base64').toString()
      this.#found(decoded.slice(decoded.indexOf(':') + 1))
    }
    for (const part of value.split(/[;,] */)) this.#found(part.slice(part.indexOf('=') + 1))
  }
}

/** As it stands in a text, in JSON, and in a query or form. */
function spellings(value: string): Set<string> {
  const wellFormed = value.toWellFormed()
  const encoded = encodeURIComponent(wellFormed)
  return new Set([value, JSON.stringify(value).slice(1, -1), encoded, encoded.replaceAll('%20', '+')])
}

function withoutBeginning(text: string, value: string): string {
  const start = value.slice(0, partMin)
  let at = text.indexOf(start, Math.max(0, text.length - value.length + 1))
  while (at >= 0 && !value.startsWith(text.slice(at))) at = text.indexOf(start, at + 1)
  return at < 0 ? text : text.slice(0, at)
}
