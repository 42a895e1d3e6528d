import type { Log } from '../../runtime/log.ts'
import { openThread } from '../../runtime/thread.ts'
import { openKeyring } from '../keyring.ts'
import type { HashedKey, Keyring } from '../keys.ts'

export interface SqliteKeyringOptions {
  /** The database that `openSqliteKeys` opens. */
  readonly file: string
  readonly log: Log
  /** 250 ms: how often the database is asked for changes, so that a revoked key stops working within a second. */
  readonly pollMs?: number
  /** 60 s: how often the last uses are written down. */
  readonly touchEveryMs?: number
}

/** What the thread is given. */
export interface FeedData {
  readonly file: string
  readonly pollMs: number
  readonly afterRevision: number
}

export type ToFeed = { readonly kind: 'touch'; readonly uses: ReadonlyMap<string, number> } | { readonly kind: 'close' }

export interface FromFeed {
  readonly revision: number
  readonly keys: readonly HashedKey[]
}

/** Opens the keys of a database as a keyring. A thread of its own asks and writes, so that no disk ever makes a request wait. */
export function openSqliteKeyring(options: SqliteKeyringOptions): Promise<Keyring> {
  const { file, log, pollMs = 250, touchEveryMs = 60_000 } = options
  return openKeyring(
    async (apply) => {
      let afterRevision = 0
      const thread = await openThread<ToFeed, FromFeed>({
        name: 'keys',
        url: new URL('./feed-thread.ts', import.meta.url),
        data: (): FeedData => ({ file, pollMs, afterRevision }),
        onMessage: ({ revision, keys }) => {
          afterRevision = revision
          apply(keys)
        },
        farewell: { message: { kind: 'close' }, withinMs: 2000 },
        log,
      })
      return {
        touch: (uses) => thread.post({ kind: 'touch', uses }),
        [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
      }
    },
    { touchEveryMs },
  )
}
