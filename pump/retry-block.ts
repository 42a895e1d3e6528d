import { hash } from 'node:crypto'
import type { RetryBatch, StoredDeadLetter } from '../buffer/buffer.ts'
import { fieldNames, fields, type RequestRecord } from '../record/fields.ts'
import type { Block } from '../sinks/sink.ts'

/** Where a batch of dead letters comes from. */
export interface RetryOrigin {
  /** The pseudo-shard of the shard's retries: sinks that keep something for each shard keep it apart. */
  readonly shard: string
  readonly incarnation: string
  readonly token: string
}

/** Dead letters that are delivered again, as a sink sees them. It may always have been sent before. */
export class RetryBlock implements Block {
  readonly token: string
  readonly shard: string
  readonly incarnation: string
  readonly seq: number
  readonly endSeq: number
  readonly appendedAtMs: number
  readonly repeated = true
  readonly records: readonly RequestRecord[]
  /** The letters that the records come from, in their order. */
  readonly letters: readonly StoredDeadLetter[]
  /** Letters whose text cannot be read, by id, with the reason. */
  readonly unreadable: ReadonlyMap<number, string>

  constructor({ id, letters }: RetryBatch, { shard, incarnation, token }: RetryOrigin) {
    this.token = token
    this.shard = shard
    this.incarnation = incarnation
    this.seq = id
    this.endSeq = id + 1
    this.appendedAtMs = letters.reduce((latest, { atMs }) => Math.max(latest, atMs), 0)
    const read = letters.map((letter) => ({ letter, record: toRecord(letter) }))
    const readable = read.flatMap(({ letter, record }) => (record instanceof Error ? [] : [{ letter, record }]))
    this.records = readable.map(({ record }) => record)
    this.letters = readable.map(({ letter }) => letter)
    this.unreadable = new Map(
      read.flatMap(({ letter, record }) => (record instanceof Error ? [[letter.id, toReason(record)]] : [])),
    )
  }

  each(): Iterable<RequestRecord> {
    return this.records
  }
}

/** The token of a batch: a hash of the sink and of the letters, the same on every attempt and for the same letters alone. */
export function retryToken(sink: string, { letters }: RetryBatch): string {
  const parts = letters.map(({ id, bytes }) => `${id}:${hash('sha256', bytes)}`)
  return hash('sha256', ['retry', sink, ...parts].join('\n'))
}

const empty = Object.fromEntries(fieldNames.map((name) => [name, fields[name].empty]))

/** A field that the record's writer did not know yet has its empty value, as in a frame. */
function toRecord({ bytes }: StoredDeadLetter): RequestRecord | Error {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString())
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('not an object')
    return { ...empty, ...parsed } as RequestRecord // as `toDeadLetter` wrote it
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function toReason(error: Error): string {
  return `The dead letter cannot be read as JSON: ${error.message}`
}
