/**
 * The durable log between producers and sinks: read this first.
 *
 * A buffer has one or more shards. Writers append frames to a shard; each sink reads every shard with a reader of its
 * own, which keeps a cursor, the seals of blocks not yet settled, the sink's state and its counters. Members: sqlite, redis, kafka.
 */
import type { MinuteSum } from '../record/minute-sum.ts'
import type { ShardReport } from './ledger.ts'

/**
 * A place between two records of a shard: before record `index` of the frame at `offset`. The end of a frame is `endOf(frame)`,
 * which need not be any frame's offset: reading from there begins with the next frame.
 */
export interface Position {
  readonly offset: number
  readonly index: number
}

/** Records appended together, as the log holds them. */
export interface Frame {
  /** Place of the frame in its shard; grows from frame to frame by at least `count`, so that `offset + index` orders the shard's records. */
  readonly offset: number
  /** The frame as `record/frame.ts` lays it out. May be torn: the reader of the records finds out. */
  readonly bytes: Uint8Array
  /** Records in the frame, as stamped beside it at the append: known even where the bytes are torn. */
  readonly count: number
  /** Records in the shard since the log began, up to and including this frame; stamped at the append. */
  readonly cumulative: number
  /** When it was appended, Unix milliseconds by the log's clock. */
  readonly appendedAtMs: number
}

/** Frames of one producer on their way into a log. Same identity in frame and fields. */
export interface StampedFrame {
  readonly producer: string
  readonly boot: number
  readonly seq: number
  /** Records this boot had put into frames up to and including this one. */
  readonly made: number
  readonly count: number
  readonly bytes: Uint8Array
}

export interface Buffer extends AsyncDisposable {
  /**
   * Identity of the log. A new one means that the log was reset, and that no position of the old one holds any more: every call
   * on what was opened before, here or on a writer or reader, then throws LogResetError, and so does a read whose frames are gone.
   */
  readonly incarnation: string
  readonly shards: readonly string[]
  /** Opens the writing end. */
  writer(): Promise<Writer>
  /**
   * Takes the reading end of one sink × shard, or resolves to undefined while another owner's lease holds.
   * The first taking registers the sink at `startAt`; from then on nothing beyond its cursor is trimmed.
   */
  reader(options: ReaderOptions): Promise<Reader | undefined>
  /**
   * Says that an owner lives and which sinks it delivers to, or with none that it is about to end; resolves to all that live, so that they
   * can share the readers out among them. Said anew within `attendanceMs`, or forgotten. Absent where the log shares its readers out
   * by itself, or has one place only where they can be.
   */
  attend?(attendance: Attendance): Promise<readonly Attendance[]>
  /** Every registered reader with its ledger and the log's size, from one snapshot per shard. */
  inspect(): Promise<readonly ShardReport[]>
  /**
   * Lets go of frames that every registered reader has passed, in slices that stall nobody; those appended at `keepSinceMs` or later stay.
   * Without a reader nothing goes. Minutes older than `ledgerDays` leave the minute ledger. Resolves to how many frames went.
   */
  trim(options?: { keepSinceMs: number }): Promise<number>
  /** Forgets a sink: its cursor no longer holds the log. Its dead letters go with it. */
  retire(sink: string): Promise<void>
  /** Dead letters of a sink, oldest first, over all shards; `after` goes on behind the last id of the page before. */
  deadLetters(sink: string, options: { limit: number; after?: number }): Promise<readonly StoredDeadLetter[]>
  /**
   * Lets go of dead letters for good. They stay counted as dead-lettered. Resolves to how many went. Those in a retry batch are passed over
   * until it is settled: it may be on its way already, and is to be the same on every attempt.
   */
  dropDeadLetters(sink: string, ids: readonly number[]): Promise<number>
  /**
   * Asks that dead letters be delivered again: each shard's make one batch, fixed from now on, which its reader's owner delivers.
   * Those that cannot be decoded, or are in a batch already, are passed over. Resolves to how many were taken.
   * No more than `retryBatchLetters` at a time: a batch is sent as one block.
   */
  retryDeadLetters(sink: string, ids: readonly number[]): Promise<number>
  /** The minute ledger of a sink over all shards: what its settles say was delivered, by minute of the records' own time, `from` up to but without `to`, in order. */
  minutes(sink: string, range: { from: number; to: number }): Promise<readonly MinuteSum[]>
  /** Frames from the first held at or after `from`, in order and about `maxBytes`, without being a reader: nothing is kept for it. */
  peek(shard: string, from: Position, options: { maxBytes: number }): Promise<readonly Frame[]>
  /** Where the shard's next frame will begin, or before that. */
  end(shard: string): Promise<Position>
}

export interface Writer extends AsyncDisposable {
  /** The seq that the log expects next from a producer's boot; 0 for a boot it has not seen. */
  next(producer: string, boot: number): Promise<number>
  /**
   * Resolves once every frame is durable, in order and all of one producer's boot. A frame that the log already has is passed over.
   * Throws GapError where the first seq lies beyond the expected one, BufferFullError where the size limit is reached,
   * and BufferUnavailableError where the log cannot be reached: then the frames may or may not be in, and the same append may be repeated.
   */
  append(frames: readonly StampedFrame[]): Promise<void>
  /** Passes the seqs up to and including `throughSeq` that are gone for good and counts their `records` as skipped. A repeat is a no-op. */
  skip(gone: { producer: string; boot: number; throughSeq: number; records: number }): Promise<void>
}

/** An owner that lives. */
export interface Attendance {
  readonly owner: string
  /** Names of the sinks that it delivers to. */
  readonly sinks: readonly string[]
}

/** 3 s: said each second, two may be late; and over before a dead owner's leases are. */
export const attendanceMs = 3000

export interface ReaderOptions {
  readonly sink: string
  readonly shard: string
  /** Names the process in the lease. */
  readonly owner: string
  /** Where a sink that the log has never seen begins. */
  readonly startAt: StartAt
}

/** The oldest frame held, behind the newest, or the first appended at or after a time (Unix milliseconds). */
export type StartAt = 'oldest' | 'now' | { readonly atMs: number }

/**
 * One sink's end of one shard, owned by lease. Every changing call throws FencedError once another owner has taken it;
 * any call throws BufferUnavailableError where the log cannot be reached, and may then be repeated: a repeat of a seal,
 * split, settle or evict that already happened changes nothing and resolves as the first one would have.
 */
export interface Reader extends AsyncDisposable {
  readonly sink: string
  readonly shard: string
  /** Number of this ownership; each owner's is greater than the last one's. */
  readonly fence: number
  /** Aborts when the lease is lost: the owner stops sending and exposing. */
  readonly lost: AbortSignal
  /** Where everything before is settled, as of the taking. */
  readonly cursor: Position
  /** Blocks sealed and not settled, as the last owner left them, oldest first: to be sent again exactly as they are. */
  readonly seals: readonly Seal[]
  /** The sink's own state, as settled. */
  readonly state: ReadonlyMap<string, Uint8Array>
  /** Frames from the one that `from` points into, in order, at least one and about `maxBytes`; empty where there is none. Never a lease's business: reads stay reads. */
  read(from: Position, options: { maxBytes: number }): Promise<readonly Frame[]>
  /** Durably records the next block's boundary. `from` must be where the last seal, or the cursor, ends. */
  seal(block: Omit<Seal, 'id' | 'deaths'>): Promise<Seal>
  /** Makes one seal two at a position within it, in one atomic step. Resolves to both, in order. */
  split(seal: Seal, at: Position, tokens: readonly [string, string]): Promise<readonly [Seal, Seal]>
  /**
   * In one atomic step: cursor forward to the seal's end, dead letters stored, counters added, state saved, seal removed.
   * The seal must be the oldest one. A repeat of a settle that already happened is a no-op.
   */
  settle(seal: Seal, settlement: Settlement): Promise<void>
  /** Batches of dead letters that are to be delivered again, oldest first; all of them, or no more than `limit`. */
  retries(options?: { limit: number }): Promise<readonly RetryBatch[]>
  /**
   * In one atomic step: what was delivered of the batch leaves the dead letters and moves from `deadLettered` to `delivered`; what was
   * rejected again keeps its place with the new reason, and is in no batch any more. A repeat is a no-op.
   */
  settleRetry(batch: RetryBatch, settlement: RetrySettlement): Promise<void>
  /** Gives up this sink's records before `to`, counted as evicted, with the seals of them; `to` must not lie within a sealed block. For a buffer that is nearly full. */
  evict(to: Position, records: number): Promise<void>
}

/** A block's boundary, durable before its first send: same records, same order, same shape, same token on every attempt. */
export interface Seal {
  readonly id: number
  readonly from: Position
  readonly to: Position
  /** Hash of the sink and the record ids. */
  readonly token: string
  /** The filter, redaction and sampling rules that it was sealed under, as JSON. */
  readonly shape: string
  /** How many owners ended without letting go of the reader while it was sealed; parts of a split inherit it. Many: this block may be what ends them. */
  readonly deaths: number
}

export interface Settlement {
  readonly delivered: number
  readonly filtered: number
  readonly deadLetters: readonly DeadLetter[]
  /** The delivered records by minute, added to the minute ledger; the forwarder, which does not look into frames, has none. */
  readonly minutes?: readonly MinuteSum[]
  /** The sink's own state: entries to put; an empty value deletes. */
  readonly state?: ReadonlyMap<string, Uint8Array>
}

/** 40: longer than a month's report looks back, and 1.5 MB a reader. */
export const ledgerDays = 40

/** 1000: about a megabyte in memory, and few enough to halve when nobody knows which is at fault. */
export const retryBatchLetters = 1000

/** Dead letters of one shard that are delivered again together; the same letters on every attempt. */
export interface RetryBatch {
  /** Grows from batch to batch of a shard. */
  readonly id: number
  readonly letters: readonly StoredDeadLetter[]
}

export interface RetrySettlement {
  /** Letters that were rejected again, by id, with the reason. All others were delivered. */
  readonly rejected: ReadonlyMap<number, string>
  readonly minutes?: readonly MinuteSum[]
  readonly state?: ReadonlyMap<string, Uint8Array>
}

/** A record that a sink refused for the record's own fault. */
export interface DeadLetter {
  /** Whether `bytes` are the record as JSON text, or what could not be decoded, as it stood in the log. */
  readonly form: 'json' | 'undecodable'
  readonly bytes: Uint8Array
  readonly reason: string
}

export interface StoredDeadLetter extends DeadLetter {
  /** One of a kind among the sink's letters; grows with time within a shard. */
  readonly id: number
  readonly sink: string
  readonly shard: string
  readonly atMs: number
  /** Somebody asked to deliver it again, and that has not been done yet. */
  readonly isRetried: boolean
}

/** The first seq lies beyond the one that the log expects: frames are missing in between. Append from `expected`, or skip what is gone. */
export class GapError extends Error {
  override readonly name = 'GapError'
  readonly expected: number
  constructor(expected: number, got: number) {
    super(`The log expects seq ${expected} next, not ${got}: append from there, or skip what is gone.`)
    this.expected = expected
  }
}

/** The size limit is reached: nothing was appended. Settle and trim still succeed and make room. */
export class BufferFullError extends Error {
  override readonly name = 'BufferFullError'
}

/** Another owner has taken this sink × shard: stop, and take it anew. */
export class FencedError extends Error {
  override readonly name = 'FencedError'
}

/** The log cannot be reached or did not answer: what was asked may or may not have happened; the same call may be repeated. */
export class BufferUnavailableError extends Error {
  override readonly name = 'BufferUnavailableError'
}

/** The log was reset or lost a position that it had committed: nobody may go on by itself. */
export class LogResetError extends Error {
  override readonly name = 'LogResetError'
}

/** The place behind a frame's last record, which is also the place before whatever comes next. */
export function endOf(frame: Pick<Frame, 'offset' | 'count'>): Position {
  return { offset: frame.offset + frame.count, index: 0 }
}

/** Order of two positions: negative, zero or positive as `a` lies before, at or after `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.offset - b.offset || a.index - b.index
}
