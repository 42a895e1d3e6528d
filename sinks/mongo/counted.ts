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
  signal: AbortSignal,
): Promise<ReadonlySet<RequestRecord>> {
  if (present.length === 0) return new Set()
  // One question for the whole block: a backend without an index for `$in` reads the collection once, not once for each chunk.
  const stored = await raw
    .find({ _id: { $in: present.map(({ id }) => id) } }, { projection: { block: 1 }, signal })
    .toArray()
  const places = new Map(stored.map(({ _id, block: place }) => [_id, place]))
  const foreign = present.flatMap((record) => {
    const place = places.get(record.id)
    return place && place.log !== block.incarnation
      ? [{ record, seq: place.seq, id: usageId(place.log, place.shard, record) }]
      : []
  })
  if (foreign.length === 0) return new Set()
  const ids = [...new Set(foreign.map(({ id }) => id))]
  const documents = await usage.find({ _id: { $in: ids } }, { projection: { next: 1 }, signal }).toArray()
  const nexts = new Map(documents.map(({ _id, next }) => [_id, next]))
  return new Set(foreign.filter(({ seq, id }) => (nexts.get(id) ?? 0) > seq).map(({ record }) => record))
}
