import { mark } from './mark.ts'

/** Whether the value of this name is secret. */
type IsSecret = (name: string) => boolean

/** What may hold a secret at all: most texts are looked at no further. */
const suspicious = /[=:<]|\d{4}|eyJ|pstk_|bearer|basic|PRIVATE/i

/**
 * Takes secrets out of a text of no particular kind: values behind a name that gives them away (`token=…`, `Cookie: …`,
 * `<password>…</password>`), and what is a credential by its looks. What may be a part of a secret goes, too.
 */
export function redactText(text: string, isSecret: IsSecret, found: (value: string) => void): string {
  if (!suspicious.test(text)) return text
  let redacted = text
  if (text.includes('<')) redacted = redactElements(redacted, isSecret, found)
  if (/[=:]/.test(text)) redacted = redactPairs(redacted, isSecret, found)
  return redactCredentials(redacted)
}

const pair = /(?<![\p{L}\p{N}_.$%@-])([\p{L}\p{N}_.$%@-]+)(?:\\?["'])?\s*(=>|[=:])\s*/gu

/** How a value ends, by how it begins: a quoted one with its quote, one behind `=` at a space or `&`, a list with the text, and others with their line. */
const ends: Readonly<Record<string, RegExp>> = {
  '"': /(?<!\\)(?:\\\\)*"|$/g,
  "'": /(?<!\\)(?:\\\\)*'|$/g,
  '\\"': /\\"|$/g,
  "\\'": /\\'|$/g,
  '{': /$/g,
  '[': /$/g,
  '=': /[\s&<>"']|$/g,
}
const endOfLine = /[\r\n]|$/g

/** Values behind a name and one of `=`, `:` and `=>`. */
function redactPairs(text: string, isSecret: IsSecret, found: (value: string) => void): string {
  let redacted = ''
  let from = 0
  pair.lastIndex = 0
  for (let match = pair.exec(text); match; match = pair.exec(text)) {
    const [whole, name = '', separator = ''] = match
    if (!isSecret(decoded(name))) continue
    const begin = match.index + whole.length
    const opening = /^\\?["']|^[{[]/.exec(text.slice(begin, begin + 2))?.[0]
    const value = begin + (opening?.length ?? 0)
    const end = indexOf(ends[opening ?? separator] ?? endOfLine, text, value)
    if (end > value) found(text.slice(value, end))
    redacted += text.slice(from, value) + (end > value ? mark : '')
    from = pair.lastIndex = end
  }
  return redacted + text.slice(from)
}

function indexOf(form: RegExp, text: string, from: number): number {
  form.lastIndex = from
  return form.exec(text)?.index ?? text.length
}

const tag = /<([\w:.-]{1,200})((?:\s[^<>]*)?)(?:>|$)/g
const namingAttribute = /\s(?:name|key|id|property)\s*=\s*["']?([\w:.$[\]-]+)/gi
const valueAttribute = /(\s(?:value|content)\s*=\s*)(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s>]*)/gi

/** Elements of XML and HTML that are named, or say in an attribute that they are about, something secret. */
function redactElements(text: string, isSecret: IsSecret, found: (value: string) => void): string {
  const unclosed = new Set<string>()
  let redacted = ''
  let from = 0
  tag.lastIndex = 0
  for (let match = tag.exec(text); match; match = tag.exec(text)) {
    const [whole, name = '', attributes = ''] = match
    const named = [...attributes.matchAll(namingAttribute)].some(([, value = '']) => isSecret(value))
    if (!named && !isSecret(name)) continue
    redacted += text.slice(from, match.index) + whole.replace(valueAttribute, `$1"${mark}"`)
    from = tag.lastIndex
    if (whole.endsWith('/>') || unclosed.has(name)) continue
    const close = text.indexOf(`</${name}`, from)
    if (close < 0) unclosed.add(name) // looked for once: a search for each of many would take long
    const end = close >= 0 ? close : named ? from : text.length // HTML has elements without an end, which have no content
    if (end > from) {
      found(text.slice(from, end))
      redacted += mark
    }
    from = tag.lastIndex = end
  }
  return redacted + text.slice(from)
}

/** What is a credential by its looks, wherever it stands; a part of it at the end of a text that was cut, too. */
const credentials: readonly (readonly [form: RegExp, replacement: string])[] = [
  [/\b(bearer|basic)\s+(?=\S*[\d=]|\S{16})[\w+/=.~-]{6,}/gi, `$1 ${mark}`],
  [/\beyJ[\w-]{6,}\.?[\w-]*\.?[\w-]*/g, mark], // a JWT
  [/\bpstk_[\w]*/g, mark], // an API key of ours
  [/(\b[a-z][a-z0-9+.-]{0,19}:\/\/[^\s/:@"<>]*:)[^\s@/"<>]+@/gi, `$1${mark}@`], // a password in a URL
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END[A-Z -]*|$)/g, mark],
]

/** Card numbers of the large issuers, in groups or not. */
const cardNumber = /(?<!\d|\d\.)(?:4|5[1-5]|2[2-7]|3[47]|6[0245])\d(?:[ -]?\d){11,16}(?!\d|\.\d)/g

function redactCredentials(text: string): string {
  let redacted = text
  for (const [form, replacement] of credentials) redacted = redacted.replace(form, replacement)
  return redacted.replace(cardNumber, (digits) => (passesLuhn(digits) ? mark : digits))
}

/** Of numbers that happen to look like one, nine in ten have a wrong check digit. */
function passesLuhn(text: string): boolean {
  const digits = Array.from(text.replace(/\D/g, ''), Number).reverse()
  const sum = digits.reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)), 0)
  return sum % 10 === 0
}

/** A name with its percent-encoding taken off; as it is where that is broken. */
function decoded(name: string): string {
  if (!name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
