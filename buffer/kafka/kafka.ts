import { deleteGroupsV2 } from '@platformatic/kafka'
import type { MinuteSum } from '../../record/minute-sum.ts'
import { ConfigError } from '../../runtime/check.ts'
import {
  type Attendance,
  type Buffer,
  BufferUnavailableError,
  type Frame,
  type Position,
  type Reader,
  type ReaderOptions,
  type StoredDeadLetter,
  type Writer,
} from '../buffer.ts'
import type { ShardReport } from '../ledger.ts'
import { AttendanceList } from './attendance.ts'
import { Cluster } from './cluster.ts'
import { inspect } from './inspect.ts'
import { readerKey } from './keys.ts'
import { dropDeadLetters, listDeadLetters, retryDeadLetters } from './letters.ts'
import { addMinutes } from './minutes.ts'
import type { KafkaBufferOptions } from './options.ts'
import { takeReader } from './reader.ts'
import { emptied } from './settlement.ts'
import { Shard } from './shard.ts'
import { retiredSink } from './sink-record.ts'
import { put } from './stored.ts'
import { openTopics, type Topics } from './topics.ts'
import { trimShard } from './trim.ts'
import { KafkaWriter } from './writer.ts'

/** Opens the log in Kafka, made where there is none. Throws ConfigError where Kafka may not be used as it is. */
export async function openKafkaBuffer(options: KafkaBufferOptions): Promise<Buffer> {
  await using opening = new AsyncDisposableStack()
  const cluster = opening.use(new Cluster(options))
  const topics = await openTopics(cluster, options).catch((error) => {
    // What the brokers refuse now they will refuse until somebody changes it.
    if (error instanceof BufferUnavailableError && error.cause instanceof ConfigError) throw error.cause
    throw error
  })
  const buffer = new KafkaBuffer(cluster, topics, options)
  opening.move()
  return buffer
}

class KafkaBuffer implements Buffer {
  readonly incarnation: string
  readonly shards: readonly string[]
  readonly #cluster: Cluster
  readonly #shards: readonly Shard[]
  readonly #maxShardBytes: number
  readonly #prefix: string
  readonly #attendance: AttendanceList
  readonly #leases = new Set<AsyncDisposable>()

  constructor(cluster: Cluster, { names, partitions, incarnation }: Topics, options: KafkaBufferOptions) {
    this.incarnation = incarnation
    this.#cluster = cluster
    this.#shards = Array.from({ length: partitions }, (_, i) => new Shard(cluster, i, names, options))
    this.#attendance = new AttendanceList(this.#shards[0]!) // there is at least one
    this.shards = this.#shards.map(({ name }) => name)
    this.#maxShardBytes = Math.floor(options.maxBytes / partitions)
    this.#prefix = options.prefix
  }

  async writer(): Promise<Writer> {
    return new KafkaWriter(this.#shards, this.#maxShardBytes)
  }

  async reader(options: ReaderOptions): Promise<Reader | undefined> {
    return await takeReader(this.#shard(options.shard), options, this.#leases)
  }

  async attend(attendance: Attendance): Promise<readonly Attendance[]> {
    return await this.#attendance.attend(attendance)
  }

  async inspect(): Promise<readonly ShardReport[]> {
    return await Promise.all(this.#shards.map((shard) => inspect(shard, this.#maxShardBytes)))
  }

  async trim({ keepSinceMs } = { keepSinceMs: Number.POSITIVE_INFINITY }): Promise<number> {
    const gone = await Promise.all(this.#shards.map((shard) => trimShard(this.#cluster, shard, keepSinceMs)))
    return gone.reduce((sum, frames) => sum + frames, 0)
  }

  async retire(sink: string): Promise<void> {
    await Promise.all(this.#shards.map((shard) => retireIn(shard, sink)))
    const group = `${this.#prefix}.${sink}`
    // For tools only: a group that cannot be deleted goes by itself after the brokers' offsets.retention.minutes.
    await this.#cluster
      .atCoordinator('group', group, (connection) => deleteGroupsV2.api.async(connection, [group]))
      .catch(() => {})
  }

  async deadLetters(sink: string, page: { limit: number; after?: number }): Promise<readonly StoredDeadLetter[]> {
    const letters = await Promise.all(this.#shards.map((shard) => listDeadLetters(shard, sink, page)))
    return letters
      .flat()
      .sort((a, b) => a.id - b.id)
      .slice(0, page.limit)
  }

  async dropDeadLetters(sink: string, ids: readonly number[]): Promise<number> {
    return await this.#changed((shard) => dropDeadLetters(shard, sink, ids))
  }

  async retryDeadLetters(sink: string, ids: readonly number[]): Promise<number> {
    return await this.#changed((shard) => retryDeadLetters(shard, sink, ids))
  }

  async minutes(sink: string, range: { from: number; to: number }): Promise<readonly MinuteSum[]> {
    await Promise.all(this.#shards.map((shard) => shard.state.refresh()))
    const sums = new Map<number, MinuteSum>()
    for (const { state } of this.#shards) addMinutes(sums, state, sink, range)
    return [...sums.values()].sort((a, b) => a.minute - b.minute)
  }

  async peek(shard: string, from: Position, { maxBytes }: { maxBytes: number }): Promise<readonly Frame[]> {
    const one = this.#shard(shard)
    await one.refresh()
    const trimmed = one.trimmed()
    const place = from.offset <= trimmed.records ? trimmed : await one.log.find(from)
    return place ? (await one.log.read(place, maxBytes)).frames : []
  }

  async end(shard: string): Promise<Position> {
    const one = this.#shard(shard)
    await one.refresh()
    return { offset: (await one.log.end()).records, index: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#leases].map((lease) => lease[Symbol.asyncDispose]()))
    await this.#cluster[Symbol.asyncDispose]()
  }

  async #changed(change: (shard: Shard) => Promise<number>): Promise<number> {
    const numbers = await Promise.all(this.#shards.map(change))
    return numbers.reduce((sum, number) => sum + number, 0)
  }

  #shard(name: string): Shard {
    const shard = this.#shards.find((one) => one.name === name)
    if (!shard) throw new Error(`The log has no shard ${name}; there are ${this.shards.join(', ')}.`)
    return shard
  }
}

/** Leaves a number of the sink, and nothing else. */
async function retireIn(shard: Shard, sink: string): Promise<void> {
  await shard.ofSink(sink).change(() => {
    const record = shard.sink(sink)
    if (!record) return { messages: [], result: undefined }
    const stored = put(shard.state, readerKey(sink), { kind: 'reader', sink, ...retiredSink(record) })
    return { messages: [stored, ...emptied(shard, sink)], result: undefined }
  })
}
