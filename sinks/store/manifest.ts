import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'
import type { MinuteRange } from '../holdings.ts'
import { HaltError } from '../sink.ts'

/** A Parquet file that belongs to the store. */
export interface StoredFile {
  /** Path within the store's folder; never used again for another file. */
  readonly name: string
  /** Hours since 1970: the partition. */
  readonly hour: number
  /** How many of the schema's columns it was written with. */
  readonly columns: number
  readonly rows: number
  /** What it takes on the disk. */
  readonly bytes: number
  /** No encoding of its records takes more than this: what merging it needs to reserve. */
  readonly boundBytes: number
  readonly minTsUs: number
  readonly maxTsUs: number
  /** When it was made, Unix milliseconds. */
  readonly madeAtMs: number
}

/** What the store as a whole holds. */
export interface Totals {
  readonly files: number
  readonly rows: number
  readonly bytes: number
  /** Start of the oldest hour, Unix milliseconds; undefined while the store is empty. */
  readonly oldestMs: number | undefined
}

/** Facts that outlive the files they are about; 0 until they are known. */
export interface Facts {
  /** When the log took the newest block that is stored, Unix milliseconds. */
  readonly receivedAtMs: number
  /** Records before this hour were let go, at least some of them; hours since 1970. */
  readonly goneBeforeHour: number
  /** Records let go because the disk limit was reached, and because their time was over. */
  readonly evictedRows: number
  readonly expiredRows: number
  /** Records of files that the manifest listed and the disk did not have. */
  readonly lostRows: number
}

/** What one commit changes. */
export interface Change {
  readonly add?: readonly StoredFile[]
  readonly remove?: readonly StoredFile[]
  /** Tokens of blocks that the added files hold. */
  readonly token?: string
  readonly facts?: Partial<Facts>
  /** What an erasure takes with the removed files. */
  readonly erased?: readonly MinuteSum[]
  /** The erasure that takes it. */
  readonly erasure?: number
}

/** Somebody asks that a consumer's records go. */
export interface AskedErasure {
  readonly id: number
  /** Whose, as a digest: the manifest names nobody. */
  readonly digest: string
}

/** Which files and which blocks the store holds: what is not listed here does not exist. A commit is durable and whole, or did not happen. */
export interface Manifest extends Disposable {
  readonly facts: Facts
  hasToken(token: string): boolean
  commit(change: Change): void
  /** The log has moved beyond the block: its token is kept for a day more. Durable with the next commit. */
  settle(token: string): void
  totals(): Totals
  all(): readonly StoredFile[]
  /** Files that may hold records with `fromUs` ≤ ts < `toUs`. */
  within(fromUs: number, toUs: number): readonly StoredFile[]
  /** Files of hours before `hour`. */
  before(hour: number): readonly StoredFile[]
  /** In the order in which they are let go: the oldest hour first, and in it the earliest record. */
  oldestFirst(): Iterable<StoredFile>
  inHour(hour: number): readonly StoredFile[]
  /** Hours before `hour` that have more than one file with a bound of at most `boundBytes`, none of them made after `madeBeforeMs`. */
  unmergedHours(options: { before: number; boundBytes: number; madeBeforeMs: number }): readonly number[]
  /** Asks whoever holds the store to erase; resolves to the erasure's number. */
  askErasure(digest: string): number
  /** Erasures that are asked for and not done. */
  askedErasures(): readonly AskedErasure[]
  endErasure(id: number): void
  /** How many records an erasure has taken so far, and whether it is done. */
  erasure(id: number): { readonly removed: number; readonly isDone: boolean }
  /** Forgets an erasure, but not what it took. */
  forgetErasure(id: number): void
  /** What all erasures took, by minute. */
  erased(range: MinuteRange): readonly MinuteSum[]
}

/** Each brings the manifest to the next version. */
const steps = [
  `
  CREATE TABLE files (
    name TEXT PRIMARY KEY, hour INTEGER NOT NULL, columns INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    boundBytes INTEGER NOT NULL, minTsUs INTEGER NOT NULL, maxTsUs INTEGER NOT NULL, madeAtMs INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX files_by_hour ON files (hour, minTsUs);
  CREATE TABLE blocks (token TEXT PRIMARY KEY, settledAtMs INTEGER) STRICT, WITHOUT ROWID;
  CREATE INDEX blocks_settled ON blocks (settledAtMs) WHERE settledAtMs IS NOT NULL;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  `
  CREATE TABLE erased (minute INTEGER PRIMARY KEY, records INTEGER NOT NULL, idSum INTEGER NOT NULL) STRICT;
  CREATE TABLE erasures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0, isDone INTEGER NOT NULL DEFAULT 0
  ) STRICT;`,
]
const version = steps.length

/** A day: older than any tail that a failed-over Redis can lose, so a block that returns from before its settle is still known. */
const settledKeptMs = 24 * 3600 * 1000
/** 256 pages of 4 KiB: the write-ahead log stays near 1 MiB, which the disk limit has to leave room for. */
const checkpointPages = 256

/**
 * Opens the manifest. Who holds the store makes it and brings it up to date; a guest only looks and asks, and everybody sees
 * what is committed. Throws HaltError where it cannot be used.
 */
export function openManifest(path: string, { now = Date.now, as = 'holder' as 'holder' | 'guest' } = {}): Manifest {
  const db = openDatabase(path, as)
  const columns = 'name, hour, columns, rows, bytes, boundBytes, minTsUs, maxTsUs, madeAtMs'
  const statements = {
    token: db.prepare('SELECT 1 FROM blocks WHERE token = ?'),
    addToken: db.prepare('INSERT INTO blocks (token) VALUES (?)'),
    settle: db.prepare('UPDATE blocks SET settledAtMs = ? WHERE token = ?'),
    forget: db.prepare('DELETE FROM blocks WHERE settledAtMs < ?'),
    add: db.prepare(
      `INSERT INTO files (${columns}) VALUES ($name, $hour, $columns, $rows, $bytes, $boundBytes, $minTsUs, $maxTsUs, $madeAtMs)`,
    ),
    remove: db.prepare('DELETE FROM files WHERE name = ?'),
    fact: db.prepare('INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value'),
    facts: db.prepare('SELECT name, value FROM facts'),
    totals: db.prepare(
      'SELECT count(*) AS files, ifnull(sum(rows), 0) AS rows, ifnull(sum(bytes), 0) AS bytes, min(hour) AS hour FROM files',
    ),
    all: db.prepare(`SELECT ${columns} FROM files`),
    within: db.prepare(`SELECT ${columns} FROM files WHERE maxTsUs >= ? AND minTsUs < ?`),
    before: db.prepare(`SELECT ${columns} FROM files WHERE hour < ?`),
    oldestFirst: db.prepare(`SELECT ${columns} FROM files ORDER BY hour, minTsUs`),
    inHour: db.prepare(`SELECT ${columns} FROM files WHERE hour = ?`),
    unmerged: db.prepare(
      'SELECT hour FROM files WHERE hour < ? AND boundBytes <= ? GROUP BY hour HAVING count(*) > 1 AND max(madeAtMs) < ?',
    ),
  }
  const erasing = {
    ask: db.prepare('INSERT INTO erasures (digest) VALUES (?)'),
    asked: db.prepare('SELECT id, digest FROM erasures WHERE isDone = 0 ORDER BY id'),
    end: db.prepare('UPDATE erasures SET isDone = 1 WHERE id = ?'),
    find: db.prepare('SELECT removed, isDone FROM erasures WHERE id = ?'),
    forget: db.prepare('DELETE FROM erasures WHERE id = ?'),
    take: db.prepare('UPDATE erasures SET removed = removed + ? WHERE id = ?'),
    add: db.prepare(
      `INSERT INTO erased VALUES ($minute, $records, $idSum)
      ON CONFLICT DO UPDATE SET records = records + excluded.records, idSum = (idSum + excluded.idSum) % ${idSumModulus}`,
    ),
    within: db.prepare('SELECT minute, records, idSum FROM erased WHERE minute >= ? AND minute < ? ORDER BY minute'),
  }
  let facts: Facts = { receivedAtMs: 0, goneBeforeHour: 0, evictedRows: 0, expiredRows: 0, lostRows: 0 }
  for (const { name, value } of statements.facts.all()) facts = { ...facts, [String(name)]: Number(value) }
  const settled = new Set<string>()
  const files = (rows: unknown) => rows as readonly StoredFile[] // the columns are named as the fields are

  function apply({ add = [], remove = [], token, facts: changed = {}, erased = [], erasure }: Change): void {
    const nowMs = now()
    for (const one of settled) statements.settle.run(nowMs, one)
    statements.forget.run(nowMs - settledKeptMs)
    if (token !== undefined) statements.addToken.run(token)
    for (const { name } of remove) statements.remove.run(name)
    for (const file of add) statements.add.run({ ...file })
    for (const [name, value] of Object.entries(changed)) statements.fact.run(name, value)
    for (const sum of erased) erasing.add.run({ ...sum })
    if (erasure !== undefined)
      erasing.take.run(
        erased.reduce((taken, { records }) => taken + records, 0),
        erasure,
      )
  }

  function commit(change: Change): void {
    db.exec('BEGIN IMMEDIATE')
    try {
      apply(change)
      db.exec('COMMIT')
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
    settled.clear()
    facts = { ...facts, ...change.facts }
  }

  return {
    get facts() {
      return facts
    },
    hasToken: (token) => statements.token.get(token) !== undefined,
    commit,
    settle: (token) => void settled.add(token),
    totals() {
      const { hour, ...sums } = statements.totals.get() as {
        files: number
        rows: number
        bytes: number
        hour: number
      } // an aggregate always gives a row
      return { ...sums, oldestMs: hour === null ? undefined : hour * 3_600_000 }
    },
    all: () => files(statements.all.all()),
    within: (fromUs, toUs) => files(statements.within.all(fromUs, toUs)),
    before: (hour) => files(statements.before.all(hour)),
    oldestFirst: () => statements.oldestFirst.iterate() as Iterable<unknown> as Iterable<StoredFile>, // as above
    inHour: (hour) => files(statements.inHour.all(hour)),
    unmergedHours: ({ before, boundBytes, madeBeforeMs }) =>
      statements.unmerged.all(before, boundBytes, madeBeforeMs).map(({ hour }) => Number(hour)),
    askErasure: (digest) => Number(erasing.ask.run(digest).lastInsertRowid),
    askedErasures: () => erasing.asked.all() as unknown as readonly AskedErasure[], // the columns are named as the fields are
    endErasure: (id) => void erasing.end.run(id),
    erasure(id) {
      const { removed, isDone } = erasing.find.get(id) ?? { removed: 0, isDone: 1 }
      return { removed: Number(removed), isDone: isDone === 1 }
    },
    forgetErasure: (id) => void erasing.forget.run(id),
    erased: ({ from, to }) => (erasing.within.all(from, to) as unknown as MinuteSum[]).map((row) => ({ ...row })), // as above; a row has no prototype
    [Symbol.dispose]() {
      if (!db.isOpen) return
      if (settled.size > 0) commit({})
      db.close()
    },
  }
}

function openDatabase(path: string, as: 'holder' | 'guest'): DatabaseSync {
  if (as === 'guest' && !existsSync(path))
    throw new HaltError(`There is no store at ${path}: ask on the machine that has it, or check the configuration.`)
  const db = new DatabaseSync(path)
  try {
    db.exec(`PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${checkpointPages}; PRAGMA journal_size_limit = ${checkpointPages * 4096}`)
    const found = Number(db.prepare('PRAGMA user_version').get()?.user_version)
    if (found > version) {
      throw new HaltError(
        `${path} was made by a newer Penstock (version ${found}): start that one, or name another folder.`,
      )
    }
    if (found < version && as === 'guest')
      throw new HaltError(`${path} was made by an older Penstock: start this one once, which brings it up to date.`)
    if (found < version)
      db.exec(`BEGIN IMMEDIATE; ${steps.slice(found).join('')} PRAGMA user_version = ${version}; COMMIT`)
    return db
  } catch (error) {
    db.close()
    if (error instanceof HaltError) throw error
    throw new HaltError(`The store's manifest ${path} cannot be opened.`, { cause: error })
  }
}
