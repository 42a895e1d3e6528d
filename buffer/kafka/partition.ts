import { FetchIsolationLevels, fetchV13, type KafkaRecord, listOffsetsV6, type RecordsBatch } from '@platformatic/kafka'
import type { Cluster } from './cluster.ts'
import type { StoredMessage } from './message.ts'

export type Isolation = 'committed' | 'uncommitted'

/** A batch as it lies in the partition. */
export interface Batch {
  readonly producerId: bigint
  readonly firstOffset: number
  /** Behind its last offset. */
  readonly nextOffset: number
  readonly kind: 'plain' | 'transactional' | 'commit' | 'abort'
  readonly messages: readonly StoredMessage[]
}

export interface Fetched {
  /** From the one that holds the offset asked for. */
  readonly batches: readonly Batch[]
  readonly abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[]
  /** Where the partition ends. */
  readonly end: number
  /** Before the first transaction that is open. */
  readonly stableEnd: number
}

/* Bits of a batch's attributes. */
const byBroker = 0x08
const transactional = 0x10
const control = 0x20

const isolationLevels = {
  committed: FetchIsolationLevels.READ_COMMITTED,
  uncommitted: FetchIsolationLevels.READ_UNCOMMITTED,
}

/** One partition of a topic. */
export class Partition {
  readonly topic: string
  readonly number: number
  readonly #cluster: Cluster

  constructor(cluster: Cluster, topic: string, number: number) {
    this.#cluster = cluster
    this.topic = topic
    this.number = number
  }

  /** What lies at an offset and behind, about so many bytes; at once, also where there is nothing. The client throws where the offset is not held. */
  async fetch(offset: number, maxBytes: number, isolation: Isolation): Promise<Fetched> {
    const level = isolationLevels[isolation]
    const { responses } = await this.#cluster.atLeader(this.topic, this.number, (connection, topicId) => {
      const wanted = { fetchOffset: BigInt(offset), partitionMaxBytes: maxBytes }
      const partitions = [{ partition: this.number, currentLeaderEpoch: -1, lastFetchedEpoch: -1, ...wanted }]
      return fetchV13.api.async(connection, 0, 0, maxBytes, level, 0, -1, [{ topicId, partitions }], [], '')
    })
    const found = responses[0]?.partitions[0]
    if (!found) throw new Error(`Kafka answered nothing of partition ${this.number} of ${this.topic}.`)
    return {
      batches: (found.records ?? [])
        .map((batch) => this.#toBatch(batch))
        .filter(({ nextOffset }) => nextOffset > offset),
      abortedTransactions: found.abortedTransactions ?? [],
      end: Number(found.highWatermark),
      stableEnd: Number(found.lastStableOffset),
    }
  }

  /** Offset of the first message appended at a time or later; undefined where there is none. */
  async offsetSince(atMs: number): Promise<number | undefined> {
    const { topics } = await this.#cluster.atLeader(this.topic, this.number, (connection) => {
      const partitions = [{ partitionIndex: this.number, currentLeaderEpoch: -1, timestamp: BigInt(Math.max(0, atMs)) }]
      return listOffsetsV6.api.async(connection, -1, isolationLevels.committed, [{ name: this.topic, partitions }])
    })
    const offset = Number(topics[0]?.partitions[0]?.offset ?? -1)
    return offset < 0 ? undefined : offset
  }

  #toBatch(batch: RecordsBatch): Batch {
    const firstOffset = Number(batch.firstOffset)
    return {
      producerId: batch.producerId,
      firstOffset,
      nextOffset: firstOffset + batch.lastOffsetDelta + 1,
      kind: kindOf(batch),
      messages: batch.attributes & control ? [] : batch.records.map((record) => this.#toMessage(batch, record)),
    }
  }

  #toMessage(batch: RecordsBatch, record: KafkaRecord): StoredMessage {
    const { offsetDelta, timestampDelta, key, value, headers } = record
    return {
      ...{ topic: this.topic, partition: this.number },
      offset: Number(batch.firstOffset) + offsetDelta,
      key: key ?? Buffer.alloc(0),
      value,
      headers: Object.fromEntries(headers.map(([name, text]) => [`${name}`, `${text}`])),
      atMs: Number(batch.attributes & byBroker ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta),
    }
  }
}

/** A control record's key is its version and, as its second 16-bit number, what became of the transaction. */
function kindOf({ attributes, records }: RecordsBatch): Batch['kind'] {
  if (attributes & control) return records[0]?.key?.readInt16BE(2) === 1 ? 'commit' : 'abort'
  return attributes & transactional ? 'transactional' : 'plain'
}
