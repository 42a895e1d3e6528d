import type { RequestRecord } from '../../record/fields.ts'
import type { Block } from '../sink.ts'
import type { RawCollection } from './raw.ts'
import { usageId } from './tally.ts'
import type { UsageCollection } from './usage.ts'

/**
 * Of records that were there already, those that another life of the log has counted: a log that was reset takes again what
 * the gateways still keep, in other places. What this log's own earlier attempts stored is not among them: there `next` decides.
 */
export async function countedBefore(
  present: readonly RequestRecord[],
  block: Block,
  { raw, usage }: { raw: RawCollection; usage: UsageCollection },
  { chunk, signal }: { chunk: number; signal: AbortSignal },
): Promise<ReadonlySet<RequestRecord>> {
  const counted = new Set<RequestRecord>()
  for (let from = 0; from < present.length; from += chunk) {
    const records = present.slice(from, from + chunk)
    const stored = await raw
      .find({ _id: { $in: records.map(({ id }) => id) } }, { projection: { block: 1 }, signal })
      .toArray()
    const places = new Map(stored.map(({ _id, block: place }) => [_id, place]))
    const foreign = records.flatMap((record) => {
      const place = places.get(record.id)
      return place && place.log !== block.incarnation
        ? [{ record, seq: place.seq, id: usageId(place.log, place.shard, record) }]
        : []
    })
    if (foreign.length === 0) continue
    const documents = await usage
      .find({ _id: { $in: foreign.map(({ id }) => id) } }, { projection: { next: 1 }, signal })
      .toArray()
    const nexts = new Map(documents.map(({ _id, next }) => [_id, next]))
    for (const { record, seq, id } of foreign) if ((nexts.get(id) ?? 0) > seq) counted.add(record)
  }
  return counted
}
