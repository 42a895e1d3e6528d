import { decodeFrame, FrameError, readHead, Undecodable } from '../record/frame.ts'
import { type Buffer, comparePositions, endOf, type Frame, type Position } from './buffer.ts'
import type { ShardReport } from './ledger.ts'

/** What one shard holds, as a walk over all of its frames found it. */
export interface Verified {
  readonly shard: string
  readonly frames: number
  readonly records: number
  /** What is wrong, a sentence each; the first of many. */
  readonly faults: readonly string[]
  /** Faults beyond those that are named. */
  readonly moreFaults: number
}

const readBytes = 4 * 1024 * 1024
/** A log that is damaged all over is not described frame by frame. */
const namedFaults = 20

/**
 * Reads every frame that the log holds, without being a reader, and checks it: magic, checksum and each record, counts against what
 * was stamped at the append, and the shard's ledgers. Frames that are trimmed meanwhile are passed over.
 */
export async function verify(buffer: Buffer, signal: AbortSignal): Promise<Verified[]> {
  const reports = await buffer.inspect()
  return await Promise.all(reports.map((report) => verifyShard(buffer, report, signal)))
}

async function verifyShard(buffer: Buffer, report: ShardReport, signal: AbortSignal): Promise<Verified> {
  const faults = new Faults()
  for (const { sink, ...ledger } of report.ledgers) {
    const { appended, delivered, filtered, deadLettered, evicted, backlog } = ledger
    const difference = appended - delivered - filtered - deadLettered - evicted - backlog
    if (difference !== 0) faults.add(`The ledger of ${sink} does not add up: ${difference} of ${appended} records.`)
  }
  const to = await buffer.end(report.shard)
  let frames = 0
  let records = 0
  let last: Frame | undefined
  for await (const frame of framesOf(buffer, report.shard, to, signal)) {
    frames++
    records += frame.count
    for (const fault of faultsOf(frame, last)) faults.add(fault)
    last = frame
  }
  return { shard: report.shard, frames, records, faults: faults.named, moreFaults: faults.more }
}

async function* framesOf(buffer: Buffer, shard: string, to: Position, signal: AbortSignal): AsyncGenerator<Frame> {
  for (let from: Position = { offset: 0, index: 0 }; comparePositions(from, to) < 0; ) {
    signal.throwIfAborted()
    const frames = await buffer.peek(shard, from, { maxBytes: readBytes })
    const last = frames.at(-1)
    if (!last) return
    yield* frames
    from = endOf(last)
  }
}

function* faultsOf(frame: Frame, last: Frame | undefined): Generator<string> {
  const place = `Frame at ${frame.offset}`
  if (last && frame.cumulative < last.cumulative + frame.count)
    yield `${place}: its cumulative count ${frame.cumulative} does not follow ${last.cumulative}.`
  try {
    const { count, producer } = readHead(frame.bytes)
    if (count !== frame.count) yield `${place}: it holds ${count} records, not the ${frame.count} stamped beside it.`
    const bad = decodeFrame(frame.bytes).filter((record) => record instanceof Undecodable)
    if (bad.length > 0)
      yield `${place}: ${bad.length} of its records by ${producer} cannot be decoded: ${bad[0]?.reason}`
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    yield `${place}: ${error.message}`
  }
}

class Faults {
  readonly named: string[] = []
  more = 0

  add(fault: string): void {
    if (this.named.length < namedFaults) this.named.push(fault)
    else this.more++
  }
}
