import { createHash } from 'node:crypto'
import type { StampedFrame } from './buffer.ts'

type Boot = Pick<StampedFrame, 'producer' | 'boot'>

/** Which shard each producer's boot appends to, for as long as a writer lives. */
export class Homes<Shard> {
  readonly #shards: readonly Shard[]
  readonly #has: (shard: Shard, boot: Boot) => Promise<boolean>
  readonly #known = new Map<string, Shard>()

  /** `has` says whether a shard has frames of a boot already. */
  constructor(shards: readonly Shard[], has: (shard: Shard, boot: Boot) => Promise<boolean>) {
    this.#shards = shards
    this.#has = has
  }

  /** The shard that has frames of this boot already, which matters where the number of shards has grown; else the one that the producer's name falls on. */
  async of(boot: Boot): Promise<Shard> {
    const key = `${boot.producer}/${boot.boot}`
    const known = this.#known.get(key)
    if (known) return known
    const have = await Promise.all(this.#shards.map((shard) => this.#has(shard, boot)))
    const home = this.#shards[have.indexOf(true)] ?? this.#shardOf(boot.producer)
    this.#known.set(key, home)
    return home
  }

  #shardOf(producer: string): Shard {
    const hash = createHash('sha1').update(producer).digest().readUInt32BE()
    return this.#shards[hash % this.#shards.length]! // there is at least one
  }
}
