import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  type Connection,
  endTxnV3,
  initProducerIdV4,
  NumericMap,
  produceV9,
  txnOffsetCommitV3,
} from '@platformatic/kafka'
import { BufferUnavailableError } from '../buffer.ts'
import type { Cluster } from './cluster.ts'
import { describeFailure, failureOf } from './failure.ts'
import type { Message, StoredMessage } from './message.ts'

/** Where a consumer group is shown to stand. */
export interface GroupOffset {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** 512 KiB: with one record more of up to 4 MiB a batch stays below what the topics admit. */
const batchBytes = 512 * 1024
/** Far below 2^31, where sequence numbers begin anew. */
const mostMessages = 2 ** 30
/** All replicas in sync. */
const acks = -1

/**
 * Whoever holds a transactional id. Only one can: who takes it ends what the last one had begun, and that one's transactions
 * are refused from then on.
 */
export class Transactor {
  readonly #cluster: Cluster
  readonly #id: string
  readonly #timeoutMs: number
  readonly #requestTimeoutMs: number
  #producer: { readonly id: bigint; readonly epoch: number; readonly sequences: NumericMap } | undefined

  constructor(cluster: Cluster, id: string, timeouts: { transactionTimeoutMs: number; requestTimeoutMs: number }) {
    this.#cluster = cluster
    this.#id = id
    this.#timeoutMs = timeouts.transactionTimeoutMs
    this.#requestTimeoutMs = timeouts.requestTimeoutMs
  }

  /** Whether the id is ours, as far as we have heard. */
  get isHeld(): boolean {
    return this.#producer !== undefined
  }

  /** Takes the id. Afterwards every transaction before is either in or will never be. */
  async hold(): Promise<void> {
    const { producerId, producerEpoch } = await this.#coordinated((connection) =>
      initProducerIdV4.api.async(connection, this.#id, this.#timeoutMs, -1n, -1),
    )
    this.#producer = { id: producerId, epoch: producerEpoch, sequences: new NumericMap() }
  }

  /**
   * Writes all messages and the group's offset, or nothing; resolves to the messages as they are stored. Throws OvertakenError where nothing was written because another has the id,
   * or where that is unknown: the id must be held anew to find out.
   */
  async commit(messages: readonly Message[], shown?: GroupOffset): Promise<StoredMessage[]> {
    const producer = this.#producer
    if (!producer) throw new OvertakenError('The transactional id is not held.')
    this.#producer = undefined // until all went well
    const stored: StoredMessage[] = []
    try {
      await this.#begin(producer, messages)
      for (const batch of toBatches(messages)) stored.push(...(await this.#produce(producer, batch)))
      if (shown) await this.#show(producer, shown)
      await this.#coordinated((connection) =>
        endTxnV3.api.async(connection, this.#id, producer.id, producer.epoch, true),
      )
    } catch (error) {
      if (error instanceof BufferUnavailableError || failureOf(error) === 'overtaken')
        throw new OvertakenError(`A transaction was not confirmed: ${describeFailure(error)}.`, { cause: error })
      throw error
    }
    const written = [...producer.sequences.values()].reduce((sum, count) => sum + count, 0)
    if (written < mostMessages) this.#producer = producer
    return stored
  }

  async #begin({ id, epoch }: Producer, messages: readonly Message[]): Promise<void> {
    const partitions = new Map<string, Set<number>>()
    for (const { topic, partition } of messages)
      partitions.set(topic, (partitions.get(topic) ?? new Set()).add(partition))
    const topics = [...partitions].map(([name, numbers]) => ({ name, partitions: [...numbers] }))
    await this.#coordinated((connection) =>
      addPartitionsToTxnV3.api.async(connection, [
        { transactionalId: this.#id, producerId: id, producerEpoch: epoch, verifyOnly: false, topics },
      ]),
    )
  }

  async #produce({ id, epoch, sequences }: Producer, batch: readonly Message[]): Promise<StoredMessage[]> {
    const { topic, partition } = batch[0]! // no batch is empty
    const answer = await this.#cluster.atLeader(topic, partition, (connection) => {
      const records = batch.map(({ key, value, headers }) => ({
        ...{ topic, partition, key, headers: toBytes(headers) },
        value: value as Buffer, // null is a tombstone, which the client writes though its types do not say so
      }))
      const options = { transactionalId: this.#id, producerId: id, producerEpoch: epoch, sequences }
      return produceV9.api.async(connection, acks, this.#requestTimeoutMs, records, options)
    })
    sequences.postIncrement(`${topic}:${partition}`, batch.length, 0)
    const { baseOffset = -1n, logAppendTimeMs = -1n } =
      (typeof answer === 'object' && answer.responses[0]?.partitionResponses[0]) || {}
    const atMs = logAppendTimeMs < 0n ? Date.now() : Number(logAppendTimeMs)
    return batch.map((message, i) => ({ ...message, offset: Number(baseOffset) + i, atMs }))
  }

  async #show({ id, epoch }: Producer, { group, topic, partition, offset }: GroupOffset): Promise<void> {
    await this.#coordinated((connection) => addOffsetsToTxnV3.api.async(connection, this.#id, id, epoch, group))
    const offsets = [{ partitionIndex: partition, committedOffset: BigInt(offset), committedLeaderEpoch: -1 }]
    await this.#cluster.atCoordinator('group', group, (connection) =>
      txnOffsetCommitV3.api.async(connection, this.#id, group, id, epoch, -1, '', null, [
        { name: topic, partitions: offsets },
      ]),
    )
  }

  async #coordinated<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#cluster.atCoordinator('transaction', this.#id, ask)
  }
}

type Producer = { readonly id: bigint; readonly epoch: number; readonly sequences: NumericMap }

/** Nothing was written by us, or it is unknown whether: hold the transactional id anew, look, and decide again. */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError'
}

/** Messages of one partition each, in their order. */
function toBatches(messages: readonly Message[]): Message[][] {
  const batches: Message[][] = []
  const open = new Map<string, { messages: Message[]; bytes: number }>()
  for (const message of messages) {
    const place = `${message.topic}:${message.partition}`
    const bytes = message.value?.length ?? 0
    let batch = open.get(place)
    if (!batch || batch.bytes + bytes > batchBytes) {
      batch = { messages: [], bytes: 0 }
      open.set(place, batch)
      batches.push(batch.messages)
    }
    batch.messages.push(message)
    batch.bytes += bytes
  }
  return batches
}

function toBytes(headers: Message['headers']): Map<Buffer, Buffer> {
  return new Map(Object.entries(headers).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]))
}
