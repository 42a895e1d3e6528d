/**
 * Where records end up: read this second, after `buffer/buffer.ts`.
 *
 * The pump seals a block, calls `write`, and settles it. What `write` throws says what happens next.
 */
import type * as z from 'zod'
import type { RequestRecord } from '../record/fields.ts'
import type { ExpositionFormat } from '../runtime/exposition.ts'
import type { Finding } from '../runtime/finding.ts'
import type { Log } from '../runtime/log.ts'
import type { Holdings } from './holdings.ts'
import type { Resender } from './resender.ts'

export interface Block {
  /** The same token arrives again after a crash, with the same records in the same order: a sink uses it to store a block once. */
  readonly token: string
  /** All records at once. Decoded at the first asking and held until the write ends. */
  readonly records: readonly RequestRecord[]
  /** The same records one after another, decoded on the way and held by nobody: for a sink that passes over them once, so that memory stays flat. */
  each(): Iterable<RequestRecord>
  /** Which shard of which log the block came from. */
  readonly shard: string
  readonly incarnation: string
  /** Place of the block's first record in that log: grows from block to block, also across splits, and starts anew with a new incarnation. */
  readonly seq: number
  /** Place behind the block's last record: no greater than the next block's `seq`, and the same for the last part of a split block. */
  readonly endSeq: number
  /** When the log took the block's last frame, Unix milliseconds: a store clamps its partition key to it, so that a producer's wrong clock makes no partitions. */
  readonly appendedAtMs: number
  /** The block may have been sent before: by an earlier attempt or an earlier owner. */
  readonly repeated: boolean
}

/** What a write wants done in the settle of its block. */
export interface Written {
  /** The sink's own state: entries to put; an empty value deletes. */
  readonly state?: ReadonlyMap<string, Uint8Array>
}

/** An open sink. One instance serves every shard that the pump owns. */
export interface Sink extends AsyncDisposable {
  /**
   * Resolves once every record is durable in the backend. Throws RetryableError, RejectedError or HaltError to say what should happen next;
   * the signal's reason when aborted. May be called for several blocks at once up to `inFlight`, in order and one at a time where that is 1.
   */
  write(block: Block, signal: AbortSignal): Promise<Written | undefined>
  /** The shard is this pump's now; `state` is what settles saved. Called before the shard's first write. */
  acquired?(shard: string, state: ReadonlyMap<string, Uint8Array>): void
  /** The block is settled: from now on it may be shown. */
  settled?(block: Block): void
  /** The shard is no longer this pump's: nothing of it may be shown any more. */
  released?(shard: string): void
  /**
   * What the sink adds to the process's own /metrics: settled state as of the call, in slices small enough that others may
   * run between them, without OpenMetrics' end mark.
   */
  expose?(format: ExpositionFormat): Iterable<string>
}

/** What a sink's `open` receives besides its options. */
export interface SinkContext {
  /** The sink's name in the config. */
  readonly name: string
  readonly log: Log
  /** The data folder that the process owns. */
  readonly dataDir: string
}

/** How a block is cut for a sink: by whichever limit is reached first. */
export interface BlockLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  /** Longest that a record waits for its block to fill, milliseconds. */
  readonly maxAgeMs: number
}

export interface SinkDefinition<Options extends z.ZodObject = z.ZodObject, S extends Sink = Sink> {
  /** One line for the docs and the command line. */
  readonly summary: string
  /** What a repeat does: `record` and `block` store it once; `none` stores it again. */
  readonly idempotency: 'record' | 'block' | 'none'
  /** Options as a strict object; every option described, with its unit and default. Secrets are marked with `.meta({ secret: true })`. */
  readonly options: Options
  /** Block limits that suit the backend. */
  readonly block: BlockLimits
  /** How many blocks may be on their way at once; 1 where order matters. */
  readonly inFlight: number
  /**
   * For a sink that keeps what it stores in this process or on its disk: options under which it keeps that in its data folder
   * alone, so that a block can be tried there without counting. Absent where a backend stores: there a trial is a write.
   */
  scratch?(options: z.output<Options>): z.output<Options>
  /** Connects lazily or eagerly, but throws only what can never mend: a backend that is down is a matter for `write`. */
  open(options: z.output<Options>, context: SinkContext): Promise<S>
  /** What the sink holds, for audit and erasure: opened by another process than the pump's. Absent where nobody can say what became of a single record. */
  holdings?(options: z.output<Options>, context: SinkContext): Promise<Holdings>
  /** In the place of `holdings`: why there are none, and where to look and erase instead. A sentence. */
  readonly outOfReach?: string
  /** Takes records once more, long after their blocks were settled. Absent where that would count them once more. */
  resender?(options: z.output<Options>, context: SinkContext): Promise<Resender>
  /** In the place of `resender`: why nothing can be sent again, and what to do instead. Sentences. */
  readonly notResendable?: string
  /** Examines what the sink writes to, and changes nothing there. A server that is away is a finding; throws only the signal's reason. */
  diagnose?(options: z.output<Options>, context: SinkContext, signal: AbortSignal): Promise<readonly Finding[]>
}

/** Declares a sink. */
export function defineSink<Options extends z.ZodObject, S extends Sink>(
  definition: SinkDefinition<Options, S>,
): SinkDefinition<Options, S> {
  return definition
}

interface SinkErrorOptions extends ErrorOptions {
  /** Wait this long before the next attempt, milliseconds. */
  readonly afterMs?: number
}

/** The backend cannot take it now: the same block is sent again later, for ever. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError'
  readonly afterMs: number | undefined
  constructor(message: string, { afterMs, ...options }: SinkErrorOptions = {}) {
    super(message, options)
    this.afterMs = afterMs
  }
}

interface RejectedErrorOptions extends ErrorOptions {
  /** Places in `block.records` of the records at fault, where the backend names them. */
  readonly indexes?: readonly number[]
  /** Every record that `indexes` does not name is durable: nothing of the block need be sent again. */
  readonly othersStored?: boolean
}

/** Records of this block are at fault and will never be taken: they are isolated and become dead letters; their neighbours are delivered. */
export class RejectedError extends Error {
  override readonly name = 'RejectedError'
  readonly indexes: readonly number[] | undefined
  readonly othersStored: boolean
  constructor(message: string, { indexes, othersStored = false, ...options }: RejectedErrorOptions = {}) {
    super(message, options)
    this.indexes = indexes
    this.othersStored = othersStored
  }
}

/** The operator is at fault, as with a wrong password or a missing table: the sink stops, keeps its log, alerts, and tries again each 30 s. */
export class HaltError extends Error {
  override readonly name = 'HaltError'
}
