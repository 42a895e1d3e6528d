/**
 * API keys of consumers: read this first.
 *
 * A key is shown once, when it is created; a store keeps its SHA-256 and what people need to tell keys apart. A consumer
 * may have several live keys, so that one is replaced while both work. Members: sqlite.
 */

export interface NewKey {
  /** Who owns the key. */
  readonly consumer: string
  /** What it is for, in the owner's words. */
  readonly label?: string
  /** From then on the key does not open anything, Unix milliseconds; never where undefined. */
  readonly expiresAtMs?: number | undefined
}

/** A key as anybody may see it. */
export interface KeyEntry {
  /** Names the key in records, lists and commands; opens nothing. */
  readonly id: string
  readonly consumer: string
  /** Empty where there is none. */
  readonly label: string
  /** How the key begins and ends, such as `pstk_7d2k9q4m1x_…aB3x`. */
  readonly shown: string
  readonly createdAtMs: number
  readonly expiresAtMs: number | undefined
  readonly revokedAtMs: number | undefined
  /** To the minute. */
  readonly lastUsedAtMs: number | undefined
}

export interface CreatedKey {
  /** The key itself: never to be had again. */
  readonly key: string
  readonly entry: KeyEntry
}

/** A key as a keyring needs it. */
export interface HashedKey {
  /** As `hashKey` makes it. */
  readonly hash: string
  readonly entry: KeyEntry
}

/** Where keys are kept. Several processes may share one. Throws KeyError where what was asked cannot be done. */
export interface KeyStore extends AsyncDisposable {
  /** Resolves once the key is durable. */
  create(wanted: NewKey): Promise<CreatedKey>
  /** Creates all or none, in one step: for a thousand keys as fast as for one. */
  createAll(wanted: readonly NewKey[]): Promise<readonly CreatedKey[]>
  /** Every key, revoked and expired ones too, oldest first. */
  list(filter?: { readonly consumer?: string }): Promise<readonly KeyEntry[]>
  /** Makes a key useless for ever, within a second in every gateway. */
  revoke(id: string): Promise<KeyEntry>
  /** Keys created or revoked after a revision of the store; after 0, all of them. */
  changes(afterRevision: number): Promise<{ readonly revision: number; readonly keys: readonly HashedKey[] }>
  /** Notes when keys were last used, by id, Unix milliseconds. */
  touch(uses: ReadonlyMap<string, number>): Promise<void>
}

/** A gateway's view of every key, in memory. */
export interface Keyring extends AsyncDisposable {
  /** Whose key this is; undefined where it is unknown, expired or revoked. How long it takes says nothing about the keys there are. */
  find(key: string): KeyEntry | undefined
  /** Whose key this was: the entry of an expired or revoked one, so that a refusal can name its owner. */
  findDead(key: string): KeyEntry | undefined
  /** Of each consumer the live key that expires first, soonest first, of so many consumers at most. */
  expiring(consumersMax: number): readonly (KeyEntry & { readonly expiresAtMs: number })[]
  /** How often dead keys were asked for here, by owner; owners beyond the first hundred are counted as `__other__`. */
  deadUses(): readonly DeadUses[]
  /** Keys known, dead ones too. */
  readonly size: number
}

/** Requests with keys of a consumer that work no more. */
export interface DeadUses {
  readonly consumer: string
  readonly reason: 'expired' | 'revoked'
  readonly count: number
}

/** What was asked cannot be done; the message says why and what to do. */
export class KeyError extends Error {
  override readonly name = 'KeyError'
}
