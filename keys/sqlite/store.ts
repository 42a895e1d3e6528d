import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { ConfigError } from '../../runtime/check.ts'
import { hashKey, makeKey, toShown } from '../format.ts'
import { type CreatedKey, type HashedKey, type KeyEntry, KeyError, type KeyStore, type NewKey } from '../keys.ts'

export interface SqliteKeysOptions {
  /** Path of the database; made with its folder where it is not there. */
  readonly file: string
  readonly now?: () => number
}

const version = 1
/** 5 s: a writer waits for another process' transaction, which takes milliseconds. */
const busyMs = 5000

/** Each change of a key gets the next revision, inside its transaction: whoever knows one reads only what came after. Uses are no changes. */
const schema = `
  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    consumer TEXT NOT NULL,
    label TEXT NOT NULL,
    shown TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER,
    last_used_at_ms INTEGER,
    revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_by_revision ON keys (revision);
  CREATE INDEX keys_by_consumer ON keys (consumer);
  PRAGMA user_version = ${version};
`

/** Opens the keys in a database of the data folder. Throws ConfigError where that may not be used. */
export function openSqliteKeys(options: SqliteKeysOptions): KeyStore {
  try {
    mkdirSync(dirname(options.file), { recursive: true })
    return new SqliteKeys(options)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(
      `The keys in ${options.file} cannot be opened: is it theirs, and can its folder be written to?`,
      {
        cause: error,
      },
    )
  }
}

class SqliteKeys implements KeyStore {
  readonly #db: DatabaseSync
  readonly #now: () => number

  constructor({ file, now = Date.now }: SqliteKeysOptions) {
    this.#now = now
    this.#db = new DatabaseSync(file, { timeout: busyMs })
    this.#db.exec('PRAGMA journal_mode = wal; PRAGMA synchronous = full')
    this.#transact(() => this.#migrate(file))
  }

  #migrate(file: string): void {
    const found = Number(this.#db.prepare('PRAGMA user_version').get()?.user_version)
    if (found === 0) this.#db.exec(schema)
    else if (found > version)
      throw new ConfigError(
        `The keys in ${file} were written by a newer Penstock (${found}, not ${version}): update this one.`,
      )
  }

  async create(wanted: NewKey): Promise<CreatedKey> {
    const [created] = await this.createAll([wanted])
    return created! // as many as were wanted
  }

  async createAll(wanted: readonly NewKey[]): Promise<readonly CreatedKey[]> {
    const now = this.#now()
    for (const one of wanted) checkNew(one, now)
    return this.#transact(() => {
      const revision = this.#lastRevision() + 1
      const insert = this.#db.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)')
      return wanted.map(({ consumer, label = '', expiresAtMs }) => {
        const { id, key } = makeKey()
        const shown = toShown(key)
        insert.run(id, hashKey(key), consumer, label, shown, now, expiresAtMs ?? null, revision)
        const entry = { id, consumer, label, shown, createdAtMs: now, expiresAtMs }
        return { key, entry: { ...entry, revokedAtMs: undefined, lastUsedAtMs: undefined } }
      })
    })
  }

  async list({ consumer }: { readonly consumer?: string } = {}): Promise<readonly KeyEntry[]> {
    const rows =
      consumer === undefined
        ? this.#db.prepare('SELECT * FROM keys ORDER BY created_at_ms, id').all()
        : this.#db.prepare('SELECT * FROM keys WHERE consumer = ? ORDER BY created_at_ms, id').all(consumer)
    return rows.map(toEntry)
  }

  async revoke(id: string): Promise<KeyEntry> {
    return this.#transact(() => {
      const row = this.#db.prepare('SELECT * FROM keys WHERE id = ?').get(id)
      if (!row) throw new KeyError(`There is no key ${JSON.stringify(id)}: the list of keys shows the id of each.`)
      const entry = toEntry(row)
      if (entry.revokedAtMs !== undefined)
        throw new KeyError(`Key ${id} was revoked already, at ${new Date(entry.revokedAtMs).toISOString()}.`)
      const revokedAtMs = this.#now()
      this.#db
        .prepare('UPDATE keys SET revoked_at_ms = ?, revision = ? WHERE id = ?')
        .run(revokedAtMs, this.#lastRevision() + 1, id)
      return { ...entry, revokedAtMs }
    })
  }

  async changes(afterRevision: number): Promise<{ revision: number; keys: readonly HashedKey[] }> {
    const rows = this.#db.prepare('SELECT * FROM keys WHERE revision > ? ORDER BY revision').all(afterRevision)
    const revision = rows.length > 0 ? Number(rows.at(-1)?.revision) : afterRevision
    return { revision, keys: rows.map((row) => ({ hash: String(row.hash), entry: toEntry(row) })) }
  }

  async touch(uses: ReadonlyMap<string, number>): Promise<void> {
    const note = this.#db.prepare('UPDATE keys SET last_used_at_ms = max(ifnull(last_used_at_ms, 0), ?) WHERE id = ?')
    this.#transact(() => {
      for (const [id, atMs] of uses) note.run(atMs, id)
    })
  }

  #lastRevision(): number {
    return Number(this.#db.prepare('SELECT ifnull(max(revision), 0) AS last FROM keys').get()?.last)
  }

  #transact<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#db.isOpen) this.#db.close()
  }
}

function checkNew({ consumer, expiresAtMs }: NewKey, nowMs: number): void {
  if (consumer.trim() === '') throw new KeyError('A key needs a consumer: say whose it is.')
  if (expiresAtMs === undefined) return
  if (!Number.isSafeInteger(expiresAtMs))
    throw new KeyError(`${expiresAtMs} is no moment at which a key could expire: give Unix milliseconds.`)
  if (expiresAtMs <= nowMs)
    throw new KeyError(`A key that expires at ${toTimeText(expiresAtMs)} would never work: choose a later moment.`)
}

/** A moment for a message, also where it lies beyond what a date can be. */
function toTimeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString()
}

function toEntry(row: Record<string, SQLOutputValue>): KeyEntry {
  return {
    id: String(row.id),
    consumer: String(row.consumer),
    label: String(row.label),
    shown: String(row.shown),
    createdAtMs: Number(row.created_at_ms),
    expiresAtMs: toMs(row.expires_at_ms),
    revokedAtMs: toMs(row.revoked_at_ms),
    lastUsedAtMs: toMs(row.last_used_at_ms),
  }
}

function toMs(value: SQLOutputValue | undefined): number | undefined {
  return value === null ? undefined : Number(value)
}
