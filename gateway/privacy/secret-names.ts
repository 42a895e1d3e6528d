/** Names within a name that give it away, without capitals and separators. `author` is no `auth`, `authorized` is. */
const tellingParts =
  /passw|passphrase|passcode|pwd|secret|token|apikey|accesskey|privatekey|encryptionkey|signingkey|auth(?!or(?!i[sz]))|credential|cookie|session|jwt|bearer|signature|cardnumber|cardno|cardnum|creditcard|debitcard|ccnumber|ccnum|cvv|cvc|ccv|securitycode|socialsecurity/

/** The same where the name is, or has, the whole word: within others they mean nothing, as in `spin` and `company`. */
const tellingWords = new Set(['pass', 'pw', 'pin', 'otp', 'totp', 'ssn', 'pan', 'sid', 'sig', 'csrf', 'xsrf'])

/** 1,000 names: they come from clients, so what is remembered of them is bounded. */
const knownMax = 1_000
/** 200 characters: what is longer is no name, and is not remembered. */
const nameMax = 200

export interface Naming {
  /** Secret whatever `keep` says. */
  readonly always: Iterable<string>
  readonly keep: Iterable<string>
}

/** Tells by a name whether its value is a secret. How it is spelt does not matter: `Api-Key`, `api_key`, `apiKey`. */
export class SecretNames {
  readonly #always: ReadonlySet<string>
  readonly #keep: ReadonlySet<string>
  readonly #known = new Map<string, boolean>()

  constructor({ always, keep }: Naming) {
    this.#always = new Set(Array.from(always, plain))
    this.#keep = new Set(Array.from(keep, plain))
  }

  has(name: string): boolean {
    let isSecret = this.#known.get(name)
    if (isSecret !== undefined) return isSecret
    isSecret = this.#judge(name)
    if (name.length > nameMax) return isSecret
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.set(name, isSecret)
    return isSecret
  }

  #judge(name: string): boolean {
    const letters = plain(name)
    if (this.#always.has(letters)) return true
    if (this.#keep.has(letters)) return false
    return tellingParts.test(letters) || wordsOf(name).some((word) => tellingWords.has(word))
  }
}

function plain(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}

function wordsOf(name: string): string[] {
  return name
    .normalize('NFKC')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
}
