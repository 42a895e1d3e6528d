/**
 * Both sides of conservation for one reader, from where it started: `appended` comes from counts stamped at the append,
 * `delivered` to `evicted` from what settle added, `backlog` from the frames beyond the cursor.
 * `appended = delivered + filtered + deadLettered + evicted + backlog` whenever nothing is wrong.
 */
export interface Ledger {
  readonly sink: string
  readonly appended: number
  readonly delivered: number
  readonly filtered: number
  readonly deadLettered: number
  readonly evicted: number
  readonly backlog: number
  /** Dead letters that are kept; not a term of the equation, because some were dropped. */
  readonly deadLettersHeld: number
  /** When the oldest record of the backlog was appended, Unix milliseconds; undefined where there is none. */
  readonly oldestAtMs: number | undefined
}

/** What one boot of a producer made of its records, as the log knows it: `made = appended + refused + skipped` together with the producer's own `refused`. */
export interface ProducerReport {
  readonly producer: string
  readonly boot: number
  readonly nextSeq: number
  readonly appended: number
  readonly skipped: number
}

export interface ShardReport {
  readonly shard: string
  readonly ledgers: readonly Ledger[]
  readonly producers: readonly ProducerReport[]
  /** Bytes of the frames held, and the limit at which append refuses. */
  readonly bytes: number
  readonly maxBytes: number
  /** Records since the log began. */
  readonly cumulative: number
}
