import type { Ledger, ProducerReport, ShardReport } from '../ledger.ts'
import { NotHeldError } from './frame-log.ts'
import { letterGroup } from './keys.ts'
import type { Place } from './places.ts'
import type { Shard, Totals } from './shard.ts'
import type { SinkRecord } from './sink-record.ts'

/**
 * One shard. A sink's record is read before what was appended, so that nothing appended lies before a cursor uncounted:
 * the ledger adds up whatever happens in between.
 */
export async function inspect(shard: Shard, maxBytes: number): Promise<ShardReport> {
  await shard.refreshLetters()
  const sinks = [...shard.sinks()]
  await shard.producers.refresh()
  const totals = shard.totals()
  const ledgers = await Promise.all(sinks.map((sink) => toLedger(shard, sink, totals)))
  return {
    shard: shard.name,
    ledgers: ledgers.sort((a, b) => (a.sink < b.sink ? -1 : 1)),
    producers: toProducers(shard),
    bytes: totals.bytes - shard.trimmed().bytes,
    maxBytes,
    cumulative: totals.records,
  }
}

/** `appended` is what the producers' transactions have counted; where the cursor is was counted by reading. */
async function toLedger(shard: Shard, sink: { readonly sink: string } & SinkRecord, totals: Totals): Promise<Ledger> {
  const { place, index } = sink.cursor
  const backlog = totals.records - place.records - index
  return {
    sink: sink.sink,
    appended: totals.records - sink.started,
    delivered: sink.delivered,
    filtered: sink.filtered,
    deadLettered: sink.deadLettered,
    evicted: sink.evicted,
    backlog,
    deadLettersHeld: [...shard.dead.keysOf(letterGroup(sink.sink))].length,
    oldestAtMs: backlog > 0 ? await appendedAt(shard, sink.sink, place) : undefined,
  }
}

/** When the first frame behind a sink's cursor was appended; read once for each cursor. */
async function appendedAt(shard: Shard, sink: string, place: Place): Promise<number | undefined> {
  const { records } = place
  const known = shard.oldest.get(sink)
  if (known?.records === records) return known.atMs
  try {
    const [first] = (await shard.log.read(place, 1)).frames
    if (first) shard.oldest.set(sink, { records, atMs: first.appendedAtMs })
    return first?.appendedAtMs
  } catch (error) {
    if (error instanceof NotHeldError) return undefined // the reader finds out, and halts
    throw error
  }
}

function toProducers(shard: Shard): ProducerReport[] {
  return [...shard.boots()]
    .map(({ producer, boot, nextSeq, appended, skipped }) => ({ producer, boot, nextSeq, appended, skipped }))
    .sort((a, b) => (a.producer === b.producer ? a.boot - b.boot : a.producer < b.producer ? -1 : 1))
}
