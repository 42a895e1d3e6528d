import type { Socket } from 'node:net'
import type { RequestRecord } from '../record/fields.ts'
import type { Log } from '../runtime/log.ts'
import type { Counts } from './counts.ts'
import type { Details } from './detail/details.ts'
import type { Limiter } from './limit.ts'
import type { Live } from './live.ts'
import type { Snapshot } from './snapshot.ts'

/** Takes a record for ever; returns false where it could not, and has counted it then. Never waits or throws. */
export interface RecordTaker {
  record(record: RequestRecord): boolean
}

/** Whose key this is, in memory. */
export interface KeyFinder {
  /** Undefined where the key is unknown, expired or revoked. */
  find(key: string): { readonly id: string; readonly consumer: string } | undefined
  /** The owner of an expired or revoked key, so that the record of a refusal can name it. */
  findDead(key: string): { readonly id: string; readonly consumer: string } | undefined
}

/** What all requests of a gateway share. */
export interface Core {
  /** Replaced as a whole by a reload; a request keeps the one it began with. */
  snapshot: Snapshot
  readonly recorder: RecordTaker
  readonly keyring: KeyFinder
  readonly limiter: Limiter
  readonly live: Live
  /** Connections that speak another protocol by now. */
  readonly tunnels: Set<Socket>
  readonly counts: Counts
  readonly details: Details
  readonly log: Log
  /** Unix milliseconds at which `performance.now()` was 0; follows the system's clock. */
  wallOffsetMs: number
  /** It is shutting down: connections end with their answer. */
  isDraining: boolean
}
