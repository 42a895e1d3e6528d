import type { Attendance, DeadLetter } from '../buffer.ts'
import { nameIn } from './keys.ts'
import type { Message, StoredMessage } from './message.ts'
import type { Place } from './places.ts'
import type { SinkRecord } from './sink-record.ts'
import type { Table } from './table.ts'

/** How far a boot of a producer has come. */
export interface Boot {
  readonly kind: 'boot'
  readonly producer: string
  readonly boot: number
  readonly nextSeq: number
  readonly appended: number
  readonly skipped: number
  readonly frames: number
  readonly bytes: number
}

/** Where what is held begins. */
export interface Trimmed {
  readonly kind: 'trimmed'
  readonly place: Place
}

/** Values of the topic of producers. */
export type ProducerValue = Boot | Trimmed

export interface StoredRetries {
  readonly kind: 'retries'
  /** Of the last batch that was made. */
  readonly lastId: number
  /** Oldest first; letters by their ids. */
  readonly batches: readonly { readonly id: number; readonly letters: readonly number[] }[]
}

export interface StoredPump extends Attendance {
  readonly kind: 'pump'
  /** Grows while the owner lives. */
  readonly beat: number
}

export interface StoredHour {
  readonly kind: 'hour'
  /** Number, records and sum of ids of each minute in turn. */
  readonly sums: readonly number[]
}

export interface StoredState {
  readonly kind: 'state'
  readonly key: string
  readonly bytes: Uint8Array
}

/** Values of the topic of states. */
export type StateValue =
  | ({ readonly kind: 'reader'; readonly sink: string } & SinkRecord)
  | StoredRetries
  | StoredPump
  | StoredHour
  | StoredState

/** A dead letter without its bytes, which stay in Kafka until somebody asks. */
export interface LetterHead extends Omit<DeadLetter, 'bytes'> {
  readonly id: number
  readonly atMs: number
  /** Offset of the message. */
  readonly offset: number
}

/** Values are JSON but for those that are bytes of others. */
export function decodeProducer({ value }: StoredMessage): ProducerValue {
  return JSON.parse(`${value}`) as ProducerValue // as `put` wrote it
}

export function decodeState({ key, value }: StoredMessage): StateValue {
  const name = key.toString()
  if (!name.startsWith('state/')) return JSON.parse(`${value}`) as StateValue // as `put` wrote it
  return { kind: 'state', key: nameIn(name), bytes: Uint8Array.from(value ?? []) } // a copy: the message is a part of something larger
}

export function decodeLetter({ key, headers, offset, atMs }: StoredMessage): LetterHead {
  return {
    ...{ id: Number(nameIn(key.toString())), offset, reason: headers.reason ?? '' },
    form: headers.form as DeadLetter['form'], // as settle wrote it
    atMs: Number(headers.atMs ?? atMs),
  }
}

/** The message that gives a key of a table its next value; undefined takes it out. */
export function put(
  table: Table<unknown>,
  key: string,
  value: object | Uint8Array | undefined,
  headers: Readonly<Record<string, string>> = {},
): Message {
  const { topic, number: partition } = table.partition
  const revision = `${table.nextRevision(key)}`
  return { topic, partition, key: Buffer.from(key), value: toBytes(value), headers: { ...headers, revision } }
}

function toBytes(value: object | Uint8Array | undefined): Buffer | null {
  if (value === undefined) return null
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return Buffer.from(JSON.stringify(value))
}
