import type { MinuteSum } from '../record/minute-sum.ts'

/** Minutes since 1970, `from` up to but without `to`. */
export interface MinuteRange {
  readonly from: number
  readonly to: number
}

/** Whose records are meant: one consumer of one tenant. */
export interface Person {
  readonly org: string
  readonly consumer: string
}

/**
 * What a sink holds of the records that were delivered to it, for whoever audits or erases. Opened beside a pump that runs or does
 * not, and never in its way. Every call throws RetryableError or HaltError as a sink's `write` does, or the signal's reason.
 */
export interface Holdings extends AsyncDisposable {
  /** The records held, by the minute of their own time and in order; a record that is held twice counts twice. Minutes without any are left out. */
  minutes(range: MinuteRange, signal: AbortSignal): Promise<readonly MinuteSum[]>
  /** The id of every record held of these minutes, in no order and as often as it is held. */
  ids(minutes: ReadonlySet<number>, signal: AbortSignal): AsyncIterable<HeldId>
  /** What erasures took, in the same form: what was delivered is what is held and what was erased. */
  erased(range: MinuteRange, signal: AbortSignal): Promise<readonly MinuteSum[]>
  /** Before which minute the sink may have let records go by its own rules, and by which; undefined where it has let none go. */
  horizon(signal: AbortSignal): Promise<Horizon | undefined>
  /** How many records held name the person. */
  recordsOf(person: Person, signal: AbortSignal): Promise<number>
  /**
   * Resolves once nothing that is held names the person, nor anything summed up by consumer. Records that come later are taken by
   * another call. A call that was cut short is ended by the next one, for whomever that is.
   */
  erase(person: Person, signal: AbortSignal): Promise<Erasure>
}

export interface HeldId {
  readonly minute: number
  readonly id: string
}

export interface Horizon {
  /** The first minute of which nothing can have gone. */
  readonly minute: number
  /** Why earlier ones may be incomplete, as the end of a sentence. */
  readonly because: string
}

export interface Erasure {
  /** Records that are gone. */
  readonly removed: number
  /** Records that stay with nothing left of the person, where the backend lets nobody remove them. */
  readonly overwritten: number
  /** What the person who asked should know, as sentences. */
  readonly notes: readonly string[]
}
