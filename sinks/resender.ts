import type { Block } from './sink.ts'

/** Records of a shard, in order, that a sink was given before in blocks of any other cut; `seq` is the place of the first one or one before it. */
export type ResentBlock = Pick<Block, 'records' | 'incarnation' | 'shard' | 'seq'>

/** What became of records that were sent again. */
export interface Resent {
  /** The sink did not have them, and has them now. */
  readonly stored: number
  /** The sink had them; they were left as they are. */
  readonly present: number
  /** Why the sink refuses records for their own fault, one reason for each. */
  readonly refused: readonly string[]
}

/** Gives a sink what it lacks of records that were delivered before, and changes nothing else: what it has, sums and counters stay. */
export interface Resender extends AsyncDisposable {
  /** Resolves once every record that is not refused is durable in the backend. Throws RetryableError or HaltError as a sink's `write` does, or the signal's reason. */
  resend(block: ResentBlock, signal: AbortSignal): Promise<Resent>
}
