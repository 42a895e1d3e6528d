import { createHash } from 'node:crypto'
import type { StampedFrame, Writer } from '../buffer.ts'
import { toNumber, toText } from './script.ts'
import type { Shard } from './shard.ts'

type Boot = Pick<StampedFrame, 'producer' | 'boot'>

/** Appends each producer's frames to one shard. */
export class RedisWriter implements Writer {
  readonly #shards: readonly Shard[]
  readonly #maxShardBytes: number
  readonly #homes = new Map<string, Shard>()

  constructor(shards: readonly Shard[], maxShardBytes: number) {
    this.#shards = shards
    this.#maxShardBytes = maxShardBytes
  }

  async next(producer: string, boot: number): Promise<number> {
    const shard = await this.#home({ producer, boot })
    return (await nextIn(shard, { producer, boot })) ?? 0
  }

  async append(frames: readonly StampedFrame[]): Promise<void> {
    const [first] = frames
    if (!first) return
    const shard = await this.#home(first)
    const args = frames.flatMap(({ seq, count, bytes }) => [seq, count, bytes])
    await shard.run('append', [this.#maxShardBytes, bootKey(first), ...args])
    await shard.replicated()
  }

  async skip({ throughSeq, records, ...boot }: Parameters<Writer['skip']>[0]): Promise<void> {
    const shard = await this.#home(boot)
    await shard.run('skip', [bootKey(boot), throughSeq, records])
    await shard.replicated()
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The shard that has frames of this boot already, which matters where the number of shards has grown; else the one that the producer's name falls on. */
  async #home(boot: Boot): Promise<Shard> {
    const key = bootKey(boot)
    const known = this.#homes.get(key)
    if (known) return known
    const nexts = await Promise.all(this.#shards.map((shard) => nextIn(shard, boot)))
    const home = this.#shards[nexts.findIndex((next) => next !== undefined)] ?? this.#shardOf(boot.producer)
    this.#homes.set(key, home)
    return home
  }

  #shardOf(producer: string): Shard {
    const hash = createHash('sha1').update(producer).digest().readUInt32BE()
    return this.#shards[hash % this.#shards.length]! // there is at least one
  }
}

const bootKey = ({ producer, boot }: Boot) => `${producer}/${boot}`

/** The seq that a shard expects of a boot; undefined where it has not seen it. */
async function nextIn(shard: Shard, boot: Boot): Promise<number | undefined> {
  const [, next] = await shard.run('next', [bootKey(boot)])
  return toText(next) === '' ? undefined : toNumber(next)
}
