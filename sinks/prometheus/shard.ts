import type { RequestRecord } from '../../record/fields.ts'
import { type Block, RejectedError } from '../sink.ts'
import { Consumers, type ConsumersOptions } from './consumers.ts'
import { type Compiled, Declared } from './declared.ts'
import type { Group } from './group.ts'
import { Traffic, type TrafficOptions } from './traffic.ts'

export interface ShardOptions {
  readonly traffic: TrafficOptions
  readonly consumers: ConsumersOptions
  readonly declared: readonly Compiled[]
}

const gone = new Uint8Array(0)

/** Everything that the records of one shard have become. One block is on its way at a time. */
export class Shard {
  readonly traffic: Traffic
  readonly consumers: Consumers
  readonly declared: readonly Declared[]
  readonly #groups: readonly Group[]
  /** Keys that nothing of today's configuration understands: a metric that is declared no more. */
  #obsolete: readonly string[]
  /** Token of the block on its way. */
  #onItsWay: string | undefined

  /** Takes up what settles have saved. */
  constructor(name: string, options: ShardOptions, state: ReadonlyMap<string, Uint8Array>) {
    this.traffic = new Traffic(name, options.traffic)
    this.consumers = new Consumers(name, options.consumers)
    this.declared = options.declared.map((compiled) => new Declared(name, compiled))
    this.#groups = [this.traffic, this.consumers, ...this.declared]
    const understood = new Set<string>()
    for (const group of this.#groups) {
      for (const key of group.table.restore(state)) understood.add(key)
      for (const key of group.restore?.(state) ?? []) understood.add(key)
      group.forget()
    }
    this.#obsolete = [...state.keys()].filter((key) => !understood.has(key))
  }

  /** Counts a block, without showing it. What makes it durable; the same again for the same block. Throws RejectedError for a record that cannot be counted. */
  write(block: Block): Map<string, Uint8Array> {
    if (this.#onItsWay !== undefined) this.#discard()
    this.#onItsWay = block.token
    const state = new Map(this.#obsolete.map((key) => [key, gone]))
    for (const { table } of this.#groups) table.open(block.appendedAtMs)
    let index = 0
    for (const record of block.each()) this.#count(record, index++)
    for (const group of this.#groups) {
      group.table.seal(state)
      group.seal?.(state)
    }
    return state
  }

  /** The block is durable: from now on it is shown. Another block than the one on its way had nothing to count. */
  settle({ token }: Block): void {
    if (this.#onItsWay !== token) return
    for (const group of this.#groups) {
      const haveGone = group.table.settle()
      group.settle?.()
      if (haveGone) group.forget()
    }
    this.#obsolete = []
    this.#onItsWay = undefined
  }

  #count(record: RequestRecord, index: number): void {
    try {
      for (const group of this.#groups) group.add(record)
    } catch (cause) {
      this.#discard()
      throw new RejectedError(`The record cannot be counted: ${cause}`, { indexes: [index], cause })
    }
  }

  #discard(): void {
    this.#onItsWay = undefined
    for (const group of this.#groups) {
      group.table.discard()
      group.discard?.()
      group.forget()
    }
  }
}
