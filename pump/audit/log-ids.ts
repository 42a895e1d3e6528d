import { type Buffer, endOf, type Frame, type Position } from '../../buffer/buffer.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { decodeFrame, FrameError, Undecodable } from '../../record/frame.ts'
import { minuteOf } from '../../record/minute-sum.ts'

/** A record that the log still holds. */
export interface LoggedRecord {
  readonly minute: number
  readonly id: string
  readonly shard: string
  /** Which of the shard's records it is, counted from 1 since the log began. */
  readonly ordinal: number
  readonly record: RequestRecord
}

const readBytes = 1024 * 1024
/** An hour: a record is appended after its request began, but clocks differ. */
const skewMs = 3_600_000

/** Every record of these minutes that the log holds, as far as it can be decoded; the log is read from its begin, and none of it is kept for that. */
export async function* loggedRecords(
  buffer: Buffer,
  minutes: ReadonlySet<number>,
  signal: AbortSignal,
): AsyncGenerator<LoggedRecord> {
  const earliestMs = Math.min(...minutes) * 60_000 - skewMs
  for (const shard of buffer.shards) {
    for (let from: Position = { offset: 0, index: 0 }; ; ) {
      signal.throwIfAborted()
      const frames = await buffer.peek(shard, from, { maxBytes: readBytes })
      const last = frames.at(-1)
      if (!last) break
      for (const frame of frames) if (frame.appendedAtMs >= earliestMs) yield* recordsOf(frame, shard, minutes)
      from = endOf(last)
    }
  }
}

function* recordsOf(frame: Frame, shard: string, minutes: ReadonlySet<number>): Generator<LoggedRecord> {
  const first = frame.cumulative - frame.count + 1
  for (const [index, record] of decoded(frame).entries()) {
    if (record instanceof Undecodable) continue
    const minute = minuteOf(record.ts)
    if (minutes.has(minute)) yield { minute, id: record.id, shard, ordinal: first + index, record }
  }
}

/** Nothing where the frame is torn: its records are dead letters, and no sink has them. */
function decoded({ bytes }: Frame): readonly (RequestRecord | Undecodable)[] {
  try {
    return decodeFrame(bytes)
  } catch (error) {
    if (error instanceof FrameError) return []
    throw error
  }
}
