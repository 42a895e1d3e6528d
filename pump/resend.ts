import { type Buffer, endOf, type Frame, type Position } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import { Undecodable } from '../record/frame.ts'
import { backoff } from '../runtime/backoff.ts'
import { wait } from '../runtime/wait.ts'
import type { Resender, ResentBlock } from '../sinks/resender.ts'
import { RetryableError } from '../sinks/sink.ts'
import { FrameCache } from './frame-cache.ts'
import type { Shape } from './shape/shape.ts'

export interface ResendOptions {
  readonly buffer: Pick<Buffer, 'shards' | 'incarnation' | 'inspect' | 'peek' | 'end'>
  /** The sink's name, as the log knows it. */
  readonly sink: string
  readonly resender: Resender
  /** Which records the sink gets today, and what of them; undefined where it gets all, whole. */
  readonly shape: Shape | undefined
  /** Whether a record must stay away, because the sink let it go or somebody had it erased. */
  readonly staysAway: (record: RequestRecord) => boolean
  /** What the log took from the first time up to but without the second, Unix milliseconds. */
  readonly fromMs: number
  readonly toMs: number
  readonly maxRecords: number
  readonly writeTimeoutMs: number
  readonly signal: AbortSignal
}

/** What became of some records on their way to the sink. */
export interface ResentPart {
  readonly stored: number
  readonly present: number
  readonly refused: readonly string[]
  /** Kept from the sink by its rules. */
  readonly filtered: number
  readonly stayedAway: number
  /** Cannot be decoded: the sink has dead letters for them. */
  readonly undecodable: number
  /** Went from the log while it was read. */
  readonly gone: number
}

/** 1 MiB: a read that keeps Redis and SQLite busy for a few milliseconds only. */
const readBytes = 1024 * 1024
/** 5: some seconds; whoever asked is told, and can ask again. */
const attempts = 5

/** From when on a log holds all that it took, Unix milliseconds; undefined where it holds all since it began. */
export async function heldSince(
  buffer: Pick<Buffer, 'shards' | 'peek' | 'end'>,
  now = Date.now,
): Promise<number | undefined> {
  const times = await Promise.all(
    buffer.shards.map(async (shard) => {
      const [first] = await buffer.peek(shard, { offset: 0, index: 0 }, { maxBytes: 1 })
      if (first) return first.cumulative > first.count ? first.appendedAtMs : undefined
      return (await buffer.end(shard)).offset > 0 ? now() : undefined
    }),
  )
  const known = times.filter((time) => time !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}

/**
 * Sends a sink once more what it was given before, in blocks of a new cut: up to where it has come, since the pump delivers what lies
 * beyond. Nobody becomes a reader, and no cursor moves. Yields what became of each block. Throws what the resender throws,
 * once repeats do not help.
 */
export async function* resend(options: ResendOptions): AsyncGenerator<ResentPart> {
  for (const { shard, cumulative, ledgers } of await options.buffer.inspect()) {
    const ledger = ledgers.find(({ sink }) => sink === options.sink)
    if (ledger) yield* resendShard(shard, cumulative - ledger.backlog, options)
  }
}

async function* resendShard(shard: string, passed: number, options: ResendOptions): AsyncGenerator<ResentPart> {
  const frames = new FrameCache(0)
  let batch = new Batch(options)
  for await (const { frame, gone } of framesOf(shard, passed, options)) {
    batch.gone += gone
    const before = frame.cumulative - frame.count
    for (const [index, entry] of frames.entries(shard, frame).entries()) {
      if (before + index >= passed) break
      batch.add(entry, frame.offset + index)
      if (batch.records.length < options.maxRecords) continue
      yield await send(batch, shard, options)
      batch = new Batch(options)
    }
  }
  yield await send(batch, shard, options)
}

/** Frames within the times that hold anything the sink has passed, with how many records are missing before each. */
async function* framesOf(
  shard: string,
  passed: number,
  { buffer, fromMs, toMs, signal }: ResendOptions,
): AsyncGenerator<{ readonly frame: Frame; readonly gone: number }> {
  let last: Frame | undefined
  for (let from = await findSince(buffer, shard, fromMs); ; ) {
    signal.throwIfAborted()
    const frames = await buffer.peek(shard, from, { maxBytes: readBytes })
    for (const frame of frames) {
      const before = frame.cumulative - frame.count
      if (frame.appendedAtMs >= toMs || before >= passed) return
      const gone = last ? before - last.cumulative : 0
      last = frame
      if (frame.appendedAtMs >= fromMs) yield { frame, gone }
    }
    if (!last || frames.length === 0) return
    from = endOf(last)
  }
}

/** A place before the first frame that was appended at a time or later, with little of others before it. */
async function findSince(buffer: Pick<Buffer, 'peek' | 'end'>, shard: string, atMs: number): Promise<Position> {
  let low = 0
  let high = (await buffer.end(shard)).offset
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [frame] = await buffer.peek(shard, { offset: middle, index: 0 }, { maxBytes: 1 })
    if (frame && frame.appendedAtMs < atMs) low = Math.max(middle + 1, endOf(frame).offset)
    else high = middle
  }
  return { offset: low, index: 0 }
}

/** Records that are sent together, and how many beside them are not. */
class Batch {
  readonly records: RequestRecord[] = []
  readonly #options: Pick<ResendOptions, 'shape' | 'staysAway'>
  /** Place of the first record. */
  seq = 0
  filtered = 0
  stayedAway = 0
  undecodable = 0
  gone = 0

  constructor(options: Pick<ResendOptions, 'shape' | 'staysAway'>) {
    this.#options = options
  }

  add(entry: RequestRecord | Undecodable, place: number): void {
    const { shape, staysAway } = this.#options
    if (entry instanceof Undecodable) return void this.undecodable++
    if (staysAway(entry)) return void this.stayedAway++
    const record = shape ? shape.apply(entry) : entry
    if (!record) return void this.filtered++
    if (this.records.length === 0) this.seq = place
    this.records.push(record)
  }
}

async function send(batch: Batch, shard: string, options: ResendOptions): Promise<ResentPart> {
  const { records, seq, filtered, stayedAway, undecodable, gone } = batch
  const others = { filtered, stayedAway, undecodable, gone }
  if (records.length === 0) return { stored: 0, present: 0, refused: [], ...others }
  const block = { records, seq, shard, incarnation: options.buffer.incarnation }
  return { ...(await persist(block, options)), ...others }
}

/** Repeats what may pass by itself. */
async function persist(block: ResentBlock, { resender, writeTimeoutMs, signal }: ResendOptions) {
  for (let attempt = 0; ; attempt++) {
    const limit = AbortSignal.timeout(writeTimeoutMs)
    try {
      return await resender.resend(block, AbortSignal.any([signal, limit]))
    } catch (error) {
      signal.throwIfAborted()
      const late = new RetryableError(`It took longer than ${writeTimeoutMs} ms.`, { cause: error })
      const failure = limit.aborted ? late : error
      if (!(failure instanceof RetryableError) || attempt + 1 === attempts) throw failure
      await wait(failure.afterMs ?? backoff(attempt), signal)
    }
  }
}
