import { mark } from './mark.ts'

/** What is secret in a body. */
export interface Secrecy {
  /** Whether the value of this name is. */
  isSecret(name: string): boolean
  /** A text without what is secret in it. */
  scrub(text: string): string
  /** Told of each text that was taken out. */
  found(value: string): void
}

/** A body without its secrets. */
export interface Redacted {
  readonly text: string
  /** Whether it is all there. Where not, it ended too early or was not what it was taken for: what follows is left out. */
  readonly isWhole: boolean
}

/*
  What may come next. Values may follow each other without an end: JSON lines.

    value ──► next ──► value            first value: or ]
      │  { │ ▲   │ ,                    first name:  or }
      ▼    ▼ │   ▼
    first name ──► name ──► value
*/
type Expected = 'value' | 'first value' | 'name' | 'first name' | 'next'

const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const brokenEscape = /\\(?:u[0-9a-fA-F]{0,3})?$/

/**
 * Takes secrets out of JSON while it reads it, so that it need not be whole: of what was cut in the middle, all that came
 * before is judged as in the whole. Values are copied as they are written, large numbers too. From the first character on
 * that is not JSON, nothing is kept.
 */
export function redactJson(text: string, secrecy: Secrecy): Redacted {
  const reader = new JsonReader(text, secrecy)
  const isWhole = reader.read()
  return { text: reader.out, isWhole }
}

class JsonReader {
  out = ''
  readonly #text: string
  readonly #secrecy: Secrecy
  #at = 0
  #expected: Expected = 'value'
  /** Open brackets. */
  readonly #open: string[] = []
  /** How many brackets were open where the secret value began that is being read; −1 where none is. */
  #secretDepth = -1

  constructor(text: string, secrecy: Secrecy) {
    this.#text = text
    this.#secrecy = secrecy
  }

  /** Whether it came to the end as it should. */
  read(): boolean {
    for (;;) {
      this.#keepBlank()
      if (this.#at === this.#text.length) return this.#open.length === 0 && this.#expected === 'next'
      if (!this.#step(this.#text[this.#at] as string)) return false // it is below the length
    }
  }

  /** Reads what comes next; false where it is cut or no JSON. */
  #step(first: string): boolean {
    const expected = this.#expected
    if (expected === 'next') return this.#next(first)
    if (first === '}' && expected === 'first name') return this.#close()
    if (first === ']' && expected === 'first value') return this.#close()
    if (expected === 'name' || expected === 'first name') return first === '"' && this.#name()
    if (first === '{' || first === '[') return this.#begin(first)
    return first === '"' ? this.#string() : this.#scalar()
  }

  #next(first: string): boolean {
    const bracket = this.#open.at(-1)
    if (bracket === undefined) {
      this.#expected = 'value'
      return true
    }
    if (first === (bracket === '{' ? '}' : ']')) return this.#close()
    if (first !== ',') return false
    this.#keep(1)
    this.#expected = bracket === '{' ? 'name' : 'value'
    return true
  }

  #begin(bracket: string): boolean {
    this.#keep(1)
    this.#open.push(bracket)
    this.#expected = bracket === '{' ? 'first name' : 'first value'
    return true
  }

  #close(): boolean {
    this.#keep(1)
    this.#open.pop()
    return this.#valueEnded()
  }

  #valueEnded(): boolean {
    this.#expected = 'next'
    if (this.#open.length === this.#secretDepth) this.#secretDepth = -1
    return true
  }

  #name(): boolean {
    const end = this.#stringEnd()
    const name = end < 0 ? undefined : decode(this.#text.slice(this.#at, end))
    if (name === undefined) return false
    this.#keep(end - this.#at)
    this.#keepBlank()
    if (this.#text[this.#at] !== ':') return false
    this.#keep(1)
    this.#keepBlank()
    this.#expected = 'value'
    if (this.#secretDepth < 0 && this.#secrecy.isSecret(name)) {
      this.out += `"${mark}"`
      this.#secretDepth = this.#open.length
    }
    return true
  }

  #string(): boolean {
    const end = this.#stringEnd()
    const isCut = end < 0
    const raw = isCut ? `${this.#text.slice(this.#at).replace(brokenEscape, '')}"` : this.#text.slice(this.#at, end)
    const value = decode(raw)
    if (value === undefined) return false
    if (this.#secretDepth >= 0) {
      this.#secrecy.found(value)
      if (isCut) return false
      this.#at = end
    } else {
      const scrubbed = this.#secrecy.scrub(value)
      const written = scrubbed === value ? raw : JSON.stringify(scrubbed)
      this.out += isCut ? written.slice(0, -1) : written
      if (isCut) return false
      this.#at = end
    }
    return this.#valueEnded()
  }

  #scalar(): boolean {
    scalar.lastIndex = this.#at
    const written = scalar.exec(this.#text)?.[0]
    if (written === undefined) return false
    if (this.#secretDepth >= 0) {
      this.#secrecy.found(written)
      this.#at += written.length
    } else {
      const scrubbed = this.#secrecy.scrub(written)
      if (scrubbed === written) this.#keep(written.length)
      else {
        this.out += JSON.stringify(scrubbed)
        this.#at += written.length
      }
    }
    return this.#valueEnded()
  }

  /** Behind the quote that ends the string which begins here; −1 where it is cut. */
  #stringEnd(): number {
    for (let i = this.#at + 1; i < this.#text.length; i++) {
      const code = this.#text.charCodeAt(i)
      if (code === 0x5c) i++
      else if (code === 0x22) return i + 1
    }
    return -1
  }

  #keepBlank(): void {
    let end = this.#at
    while (isBlank(this.#text.charCodeAt(end))) end++
    if (end > this.#at) this.#keep(end - this.#at)
  }

  /** Goes on, and copies what is passed unless it is within a secret. */
  #keep(length: number): void {
    if (this.#secretDepth < 0) this.out += this.#text.slice(this.#at, this.#at + length)
    this.#at += length
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

/** The text that a JSON string means; undefined where it is none. */
function decode(raw: string): string | undefined {
  if (!/[\\\p{Cc}]/u.test(raw)) return raw.slice(1, -1)
  try {
    return JSON.parse(raw) as string // it has quotes around it
  } catch {
    return undefined
  }
}
