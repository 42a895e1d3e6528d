/** What an audit says, one at a time; times are minutes since 1970. */
export type Finding = Difference | NamedRecord | Unnamed | Unjudged | Unreachable | Verdict

/** A minute of which a sink holds something else than what was delivered and not erased. */
export interface Difference {
  readonly kind: 'difference'
  readonly sink: string
  readonly minute: number
  readonly delivered: number
  readonly erased: number
  readonly held: number
}

/** A record that is missing in a sink, is there twice, or is there though it was never delivered. */
export interface NamedRecord {
  readonly kind: 'missing' | 'doubled' | 'unknown'
  readonly sink: string
  readonly minute: number
  readonly id: string
  /** How often it is there. */
  readonly times: number
  /** Where else it is: other sinks, and `log` where its frame is still held. */
  readonly seenIn: readonly string[]
}

/** Records of a minute that are too few or too many, and nobody can say which. */
export interface Unnamed {
  readonly kind: 'unnamed'
  readonly sink: string
  readonly minute: number
  readonly missing: number
  readonly unknown: number
  readonly because: string
}

/** What the audit says nothing about. */
export interface Unjudged {
  readonly kind: 'unjudged'
  readonly sink: string
  readonly because: string
  /** Minutes, `from` up to but without `to`; absent where it is not a matter of minutes. */
  readonly from?: number
  readonly to?: number
  readonly records?: number
}

export interface Unreachable {
  readonly kind: 'unreachable'
  readonly sink: string
  readonly because: string
}

/** The last word about a sink. */
export interface Verdict {
  readonly kind: 'verdict'
  readonly sink: string
  /** Minutes that were compared and have records, and how many of them differ. */
  readonly minutes: number
  readonly differing: number
  readonly delivered: number
  readonly missing: number
  readonly doubled: number
  readonly unknown: number
}
