import { deleteRecordsV2 } from '@platformatic/kafka'
import { ledgerDays } from '../buffer.ts'
import type { Cluster } from './cluster.ts'
import { trimmedKey } from './keys.ts'
import { withoutHours } from './minutes.ts'
import type { Place } from './places.ts'
import type { Shard } from './shard.ts'
import { put } from './stored.ts'

/**
 * Lets go of the frames that every sink has passed; how many. How far is said first, and done once no sink is found that has
 * registered before it meanwhile.
 */
export async function trimShard(cluster: Cluster, shard: Shard, keepSinceMs: number): Promise<number> {
  await forgetMinutes(shard)
  await shard.refresh()
  const before = shard.trimmed()
  const to = await limit(shard, keepSinceMs)
  if (!to || to.records <= before.records) return 0
  const place = await shard.ofTrimmer().change(() => {
    const further = to.records > shard.trimmed().records
    const messages = further ? [put(shard.producers, trimmedKey, { kind: 'trimmed', place: to })] : []
    return { messages, result: further ? to : shard.trimmed() }
  })
  await shard.state.refresh()
  const slowest = slowestOf(shard)
  if (slowest && slowest.offset >= place.offset) await deleteBefore(cluster, shard, place)
  return place.frames - before.frames
}

/** The slowest sink's place, or an earlier one where what came since is to stay; undefined without a sink. */
async function limit(shard: Shard, keepSinceMs: number): Promise<Place | undefined> {
  const slowest = slowestOf(shard)
  if (!slowest || keepSinceMs === Number.POSITIVE_INFINITY || slowest.records <= shard.trimmed().records) return slowest
  const kept = await shard.log.since(keepSinceMs)
  return kept.records < slowest.records ? kept : slowest
}

function slowestOf(shard: Shard): Place | undefined {
  let slowest: Place | undefined
  for (const { cursor } of shard.sinks()) if (!slowest || cursor.place.records < slowest.records) slowest = cursor.place
  return slowest
}

async function deleteBefore(cluster: Cluster, { log }: Shard, { offset }: Place): Promise<void> {
  const { topic: name, number: partitionIndex } = log.partition
  await cluster.atLeader(name, partitionIndex, (connection) =>
    deleteRecordsV2.api.async(connection, [{ name, partitions: [{ partitionIndex, offset: BigInt(offset) }] }], 10_000),
  )
}

/** Lets go of the hours that are older than the ledger keeps. */
async function forgetMinutes(shard: Shard): Promise<void> {
  await shard.state.refresh()
  const oldest = Math.floor(Date.now() / 3_600_000) - ledgerDays * 24
  for (const { sink } of [...shard.sinks()]) {
    const old = () => withoutHours(shard.state, sink, oldest)
    if (old().length > 0) await shard.ofSink(sink).change(() => ({ messages: old(), result: undefined }))
  }
}
