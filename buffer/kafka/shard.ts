import type { Cluster } from './cluster.ts'
import { FrameLog } from './frame-log.ts'
import { readerKey, trimmedKey } from './keys.ts'
import type { KafkaBufferOptions } from './options.ts'
import { Partition } from './partition.ts'
import { firstPlace, type Place } from './places.ts'
import { SingleWriter } from './single-writer.ts'
import type { SinkRecord } from './sink-record.ts'
import {
  type Boot,
  decodeLetter,
  decodeProducer,
  decodeState,
  type LetterHead,
  type ProducerValue,
  type StateValue,
} from './stored.ts'
import { Table } from './table.ts'
import type { TopicNames } from './topics.ts'
import { type GroupOffset, Transactor } from './transactor.ts'

/** What lies in a shard since the log began. */
export interface Totals {
  readonly records: number
  readonly frames: number
  readonly bytes: number
}

/** One partition of the log, and the same one of the topics beside it. */
export class Shard {
  readonly name: string
  readonly number: number
  readonly log: FrameLog
  readonly producers: Table<ProducerValue>
  readonly state: Table<StateValue>
  readonly dead: Table<LetterHead>
  /** Since when, by the clock of this process, an owner was not seen to live. */
  readonly quiet = new Map<string, { readonly beat: number; readonly sinceMs: number }>()
  /** When the first frame behind a sink's cursor was appended, and for which cursor that was found. */
  readonly oldest = new Map<string, { readonly records: number; readonly atMs: number }>()
  readonly #cluster: Cluster
  readonly #options: KafkaBufferOptions
  readonly #writers = new Map<string, SingleWriter>()

  constructor(cluster: Cluster, number: number, topics: TopicNames, options: KafkaBufferOptions) {
    this.name = `${number}`
    this.number = number
    this.log = new FrameLog(new Partition(cluster, topics.log, number))
    this.producers = new Table(new Partition(cluster, topics.producers, number), decodeProducer)
    this.state = new Table(new Partition(cluster, topics.state, number), decodeState)
    this.dead = new Table(new Partition(cluster, topics.dead, number), decodeLetter)
    this.#cluster = cluster
    this.#options = options
  }

  /** Who changes what belongs to a sink. */
  ofSink(sink: string): SingleWriter {
    return this.#writer(`reader.${this.name}.${sink}`, [this.state, this.dead])
  }

  /** Who appends what a producer has made. */
  ofProducer(producer: string): SingleWriter {
    return this.#writer(`producer.${this.name}.${producer}`, [this.producers])
  }

  /** Who says that an owner lives. */
  ofPump(owner: string): SingleWriter {
    return this.#writer(`pump.${owner}`, [this.state])
  }

  /** Who lets go of frames. */
  ofTrimmer(): SingleWriter {
    return this.#writer(`trim.${this.name}`, [this.producers])
  }

  /** A sink as it is stored; undefined where it is not known or was retired. */
  sink(name: string): SinkRecord | undefined {
    const record = this.sinkOrRetired(name)
    return record?.isRetired ? undefined : record
  }

  sinkOrRetired(name: string): SinkRecord | undefined {
    const value = this.state.get(readerKey(name))
    return value?.kind === 'reader' ? value : undefined
  }

  *sinks(): Generator<{ readonly sink: string } & SinkRecord> {
    for (const value of this.state.inGroup('reader')) if (value.kind === 'reader' && !value.isRetired) yield value
  }

  *boots(): Generator<Boot> {
    for (const value of this.producers.inGroup('boot')) if (value.kind === 'boot') yield value
  }

  /** Sums over what the boots' own appends have counted. */
  totals(): Totals {
    let [records, frames, bytes] = [0, 0, 0]
    for (const boot of this.boots()) {
      records += boot.appended
      frames += boot.frames
      bytes += boot.bytes
    }
    return { records, frames, bytes }
  }

  /** Where what is held begins. */
  trimmed(): Place {
    const value = this.producers.get(trimmedKey)
    const place = value?.kind === 'trimmed' ? value.place : firstPlace
    this.log.places.dropBefore(place)
    return place
  }

  /** Looks at all that was committed so far. */
  async refresh(): Promise<void> {
    await Promise.all([this.producers.refresh(), this.state.refresh()])
    this.trimmed()
    for (const { cursor, seals } of this.sinks())
      for (const { place } of [cursor, ...seals.flatMap(({ from, to }) => [from, to])]) this.log.places.add(place)
  }

  /** Looks at all dead letters and batches of them that were committed so far. */
  async refreshLetters(): Promise<void> {
    await Promise.all([this.dead.refresh(), this.state.refresh()])
  }

  /** How tools see where a sink stands. */
  shown(sink: string, { offset }: Place): GroupOffset {
    const { topic, number: partition } = this.log.partition
    return { group: `${this.#options.prefix}.${sink}`, topic, partition, offset }
  }

  #writer(id: string, tables: readonly Table<unknown>[]): SingleWriter {
    const known = this.#writers.get(id)
    if (known) return known
    const transactor = new Transactor(this.#cluster, `${this.#options.prefix}.${id}`, this.#options)
    const writer = new SingleWriter(transactor, tables, this.#options.requestTimeoutMs)
    this.#writers.set(id, writer)
    return writer
  }
}
