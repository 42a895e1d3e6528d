import { type Buffer, comparePositions, endOf, type Frame, type Position } from '../buffer/buffer.ts'
import type { ShardReport } from '../buffer/ledger.ts'
import type { RequestRecord } from '../record/fields.ts'
import { decodeFrame, FrameError, Undecodable } from '../record/frame.ts'

/** A record that the log holds. */
export interface LoggedRecord {
  readonly shard: string
  /** Which of the shard's records it is, counted from 1 since the log began. */
  readonly ordinal: number
  readonly record: RequestRecord
}

const readBytes = 1024 * 1024

/**
 * Every record that the log holds now, as far as it can be decoded, for whoever is no reader; frames that were appended before
 * `sinceMs` are passed over.
 */
export async function* loggedRecords(
  buffer: Buffer,
  { sinceMs = 0, signal }: { sinceMs?: number; signal: AbortSignal },
): AsyncGenerator<LoggedRecord> {
  for (const shard of buffer.shards) {
    const to = await buffer.end(shard)
    for (let from: Position = { offset: 0, index: 0 }; comparePositions(from, to) < 0; ) {
      signal.throwIfAborted()
      const frames = await buffer.peek(shard, from, { maxBytes: readBytes })
      const last = frames.at(-1)
      if (!last) break
      for (const frame of frames) if (frame.appendedAtMs >= sinceMs) yield* recordsOf(frame, shard)
      from = endOf(last)
    }
  }
}

function* recordsOf({ bytes, cumulative, count }: Frame, shard: string): Generator<LoggedRecord> {
  for (const [index, record] of decoded(bytes).entries())
    if (!(record instanceof Undecodable)) yield { shard, ordinal: cumulative - count + 1 + index, record }
}

/** Nothing where the frame is torn: its records become dead letters, and no sink gets them. */
function decoded(bytes: Uint8Array): readonly (RequestRecord | Undecodable)[] {
  try {
    return decodeFrame(bytes)
  } catch (error) {
    if (error instanceof FrameError) return []
    throw error
  }
}

/** Up to which ordinal each shard's records are settled for a sink; undefined where the log does not know the sink. */
export function settledOrdinal(
  reports: readonly ShardReport[],
  sink: string,
): (place: Pick<LoggedRecord, 'shard'>) => number | undefined {
  const settled = new Map(
    reports.flatMap(({ shard, cumulative, ledgers }) =>
      ledgers.filter((ledger) => ledger.sink === sink).map(({ backlog }) => [shard, cumulative - backlog]),
    ),
  )
  return ({ shard }) => settled.get(shard)
}
