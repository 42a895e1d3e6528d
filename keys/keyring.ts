import { hashKey } from './format.ts'
import type { DeadUses, HashedKey, KeyEntry, Keyring } from './keys.ts'

/** Brings a keyring what changes in a store, wherever that lives. */
export interface KeyFeed extends AsyncDisposable {
  /** Notes when keys were last used, by id, Unix milliseconds. Never waits or throws; an entry that is lost is a later date not shown. */
  touch(uses: ReadonlyMap<string, number>): void
}

/** Calls `apply` with every key there is before it resolves, then with each that is created or revoked, within half a second. */
export type OpenKeyFeed = (apply: (keys: readonly HashedKey[]) => void) => Promise<KeyFeed>

export interface KeyringOptions {
  /** 60 s: how often uses are written down, and so how exact `lastUsedAtMs` is. */
  readonly touchEveryMs?: number
  readonly now?: () => number
}

/** Opens a keyring on a feed. */
export async function openKeyring(openFeed: OpenKeyFeed, options: KeyringOptions = {}): Promise<Keyring> {
  const keyring = new MemoryKeyring(options)
  await keyring.follow(openFeed)
  return keyring
}

interface Slot {
  entry: KeyEntry
  expiresAtMs: number
  /** 0 where it was not used since the last note. */
  usedAtMs: number
}

/** No key is longer, so that nobody makes us hash a header of 16 KiB. */
const keyMaxLength = 256
/** 16,384: raw keys whose slot is known without hashing, 3 MB when full; saves 0.3 of 0.4 µs a request. */
const recentMax = 16_384
/** 100: owners of dead keys that are counted by name; whoever tries keys must not make series. */
const deadOwnersMax = 100
const others = '__other__'

class MemoryKeyring implements Keyring {
  readonly #byHash = new Map<string, Slot>()
  /** Slots of known keys by the key itself. A slot is never replaced, so what is remembered here is never stale. */
  readonly #recent = new Map<string, Slot>()
  readonly #deadUses = new Map<string, { expired: number; revoked: number }>()
  readonly #now: () => number
  readonly #touchEveryMs: number
  #feed: KeyFeed | undefined
  #timer: NodeJS.Timeout | undefined

  constructor({ touchEveryMs = 60_000, now = Date.now }: KeyringOptions) {
    this.#now = now
    this.#touchEveryMs = touchEveryMs
  }

  async follow(openFeed: OpenKeyFeed): Promise<void> {
    this.#feed = await openFeed((keys) => this.#apply(keys))
    this.#timer = setInterval(() => this.#noteUses(), this.#touchEveryMs).unref()
  }

  get size(): number {
    return this.#byHash.size
  }

  find(key: string): KeyEntry | undefined {
    const slot = this.#slotOf(key)
    if (!slot) return undefined
    const now = this.#now()
    if (isDead(slot, now)) return undefined
    slot.usedAtMs = now
    return slot.entry
  }

  findDead(key: string): KeyEntry | undefined {
    const slot = this.#slotOf(key)
    if (!slot || !isDead(slot, this.#now())) return undefined
    this.#countDead(slot.entry)
    return slot.entry
  }

  expiring(consumersMax: number): readonly (KeyEntry & { readonly expiresAtMs: number })[] {
    const now = this.#now()
    const first = new Map<string, KeyEntry & { readonly expiresAtMs: number }>()
    for (const slot of this.#byHash.values()) {
      const { entry, expiresAtMs } = slot
      if (entry.expiresAtMs === undefined || isDead(slot, now)) continue
      if (expiresAtMs < (first.get(entry.consumer)?.expiresAtMs ?? Number.POSITIVE_INFINITY))
        first.set(entry.consumer, { ...entry, expiresAtMs })
    }
    return [...first.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs).slice(0, consumersMax)
  }

  deadUses(): readonly DeadUses[] {
    return [...this.#deadUses].flatMap(([consumer, counts]) =>
      (['expired', 'revoked'] as const).map((reason) => ({ consumer, reason, count: counts[reason] })),
    )
  }

  #countDead({ consumer, revokedAtMs }: KeyEntry): void {
    const name = this.#deadUses.has(consumer) || this.#deadUses.size < deadOwnersMax ? consumer : others
    const counts = this.#deadUses.get(name) ?? { expired: 0, revoked: 0 }
    counts[revokedAtMs === undefined ? 'expired' : 'revoked']++
    this.#deadUses.set(name, counts)
  }

  #slotOf(key: string): Slot | undefined {
    const recent = this.#recent.get(key)
    if (recent || key.length > keyMaxLength) return recent
    const slot = this.#byHash.get(hashKey(key))
    if (!slot) return undefined
    if (this.#recent.size >= recentMax) this.#recent.clear()
    this.#recent.set(key, slot)
    return slot
  }

  #apply(keys: readonly HashedKey[]): void {
    for (const { hash, entry } of keys) {
      const expiresAtMs = entry.expiresAtMs ?? Number.POSITIVE_INFINITY
      const slot = this.#byHash.get(hash)
      if (slot) Object.assign(slot, { entry, expiresAtMs })
      else this.#byHash.set(hash, { entry, expiresAtMs, usedAtMs: 0 })
    }
  }

  #noteUses(): void {
    const uses = new Map<string, number>()
    for (const slot of this.#byHash.values()) {
      if (slot.usedAtMs === 0) continue
      uses.set(slot.entry.id, slot.usedAtMs)
      slot.usedAtMs = 0
    }
    if (uses.size > 0) this.#feed?.touch(uses)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#noteUses()
    await this.#feed?.[Symbol.asyncDispose]()
  }
}

function isDead(slot: Slot, nowMs: number): boolean {
  return slot.entry.revokedAtMs !== undefined || slot.expiresAtMs <= nowMs
}
