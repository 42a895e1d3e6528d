import { wait } from '../../runtime/wait.ts'
import { BufferUnavailableError, LogResetError } from '../buffer.ts'
import { failureOf } from './failure.ts'
import type { StoredMessage } from './message.ts'
import type { Batch, Partition } from './partition.ts'

/** 1 MiB a fetch. */
const fetchBytes = 1024 * 1024
/** 1 s: transactions take milliseconds; one that is open for longer belongs to a process that died, and ends by its timeout. */
const settleMs = 1000
/** 12 h, of the 24 that Kafka keeps the mark of a key that is gone: a table that was not read for so long is read anew. */
const staleAfterMs = 12 * 3600 * 1000

/** A value under a key of a compacted topic, and a number that grows with each change of the key. */
interface Entry<T> {
  readonly revision: number
  readonly value: T | undefined
}

/**
 * The values of one partition of a compacted topic, by key, as of the last refresh, and with the changes that this process has
 * made since. Transactions that are open are not in it.
 */
export class Table<T> {
  readonly partition: Partition
  readonly #decode: (message: StoredMessage) => T
  /** By group, which is the key up to its last slash. */
  readonly #groups = new Map<string, Map<string, Entry<T>>>()
  /** Messages of transactions whose end has not been read yet, by producer. */
  readonly #open = new Map<bigint, Batch[]>()
  /** Producers that were waited for in vain. */
  readonly #hanging = new Set<bigint>()
  #nextOffset = 0
  #readAtMs = performance.now()
  #refreshing: Promise<void> | undefined
  #waiting: Promise<void> | undefined

  constructor(partition: Partition, decode: (message: StoredMessage) => T) {
    this.partition = partition
    this.#decode = decode
  }

  get(key: string): T | undefined {
    return this.#entry(key)?.value
  }

  /** The number that the key's next change must bear. */
  nextRevision(key: string): number {
    return (this.#entry(key)?.revision ?? 0) + 1
  }

  /** All there is under keys of a group. */
  *inGroup(group: string): Generator<T> {
    for (const { value } of this.#groups.get(group)?.values() ?? []) if (value !== undefined) yield value
  }

  /** Keys of a group. */
  *keysOf(group: string): Generator<string> {
    for (const [key, { value }] of this.#groups.get(group) ?? []) if (value !== undefined) yield key
  }

  /** Takes in what this process has just committed, before it is read back. */
  apply(messages: readonly StoredMessage[]): void {
    for (const message of messages) this.#take(message)
  }

  /** Takes in all that was committed before the call, anywhere. */
  async refresh(): Promise<void> {
    // What is under way may have looked before the call: everybody who comes meanwhile shares the next one.
    if (this.#refreshing) {
      this.#waiting ??= this.#refreshing
        .catch(() => {})
        .then(() => {
          this.#waiting = undefined
          return this.#refreshNow()
        })
      return await this.#waiting
    }
    await this.#refreshNow()
  }

  async #refreshNow(): Promise<void> {
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  async #read(): Promise<void> {
    const startedAtMs = performance.now()
    if (startedAtMs - this.#readAtMs > staleAfterMs) this.#forget()
    const end = await this.#fetch()
    for (let movedAtMs = startedAtMs; this.#nextOffset < end || this.#isOpenBefore(end); ) {
      const before = this.#nextOffset
      await this.#fetch()
      if (this.#nextOffset > before) movedAtMs = performance.now()
      else if (performance.now() - movedAtMs < settleMs)
        await wait(2) // what was committed has its mark written a moment later
      else if (this.#nextOffset < end)
        throw new BufferUnavailableError(`Kafka gives nothing of ${this.partition.topic} from ${before} to ${end}.`)
      else for (const producer of this.#open.keys()) this.#hanging.add(producer)
    }
    this.#readAtMs = startedAtMs
  }

  #isOpenBefore(offset: number): boolean {
    return [...this.#open].some(
      ([producer, batches]) => !this.#hanging.has(producer) && batches[0]!.firstOffset < offset, // none is empty
    )
  }

  /** Takes in the next part; resolves to where the partition ends. */
  async #fetch(): Promise<number> {
    const { batches, end } = await this.partition.fetch(this.#nextOffset, fetchBytes, 'uncommitted').catch((error) => {
      if (failureOf(error) !== 'range') throw error
      throw new LogResetError(`The topic ${this.partition.topic} in Kafka has lost messages that were read before.`, {
        cause: error,
      })
    })
    for (const batch of batches) this.#takeBatch(batch)
    this.#nextOffset = batches.at(-1)?.nextOffset ?? this.#nextOffset
    return end
  }

  #takeBatch(batch: Batch): void {
    const { producerId, kind } = batch
    if (kind === 'transactional') {
      const open = this.#open.get(producerId) ?? []
      open.push(batch)
      this.#open.set(producerId, open)
      return
    }
    if (kind === 'plain') {
      this.#readBack(batch.messages)
      return
    }
    const ended = this.#open.get(producerId) ?? []
    this.#open.delete(producerId)
    this.#hanging.delete(producerId)
    if (kind === 'commit') for (const { messages } of ended) this.#readBack(messages)
  }

  /** Keys that are gone need no mark any more: nothing older of them can come. */
  #readBack(messages: readonly StoredMessage[]): void {
    for (const message of messages) {
      this.#take(message)
      const key = message.key.toString()
      if (message.value === null && this.#entry(key)?.value === undefined) this.#groups.get(groupOf(key))?.delete(key)
    }
  }

  #take(message: StoredMessage): void {
    const key = message.key.toString()
    const revision = Number(message.headers.revision ?? 0)
    if (revision < (this.#entry(key)?.revision ?? 0)) return // older than what this process wrote itself
    const group = this.#groups.get(groupOf(key)) ?? new Map<string, Entry<T>>()
    this.#groups.set(groupOf(key), group)
    group.set(key, { revision, value: message.value ? this.#decode(message) : undefined })
  }

  #entry(key: string): Entry<T> | undefined {
    return this.#groups.get(groupOf(key))?.get(key)
  }

  #forget(): void {
    this.#groups.clear()
    this.#open.clear()
    this.#hanging.clear()
    this.#nextOffset = 0
  }
}

function groupOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}
