import type { StampedFrame, Writer } from '../buffer.ts'
import { Homes } from '../homes.ts'
import { toNumber, toText } from './script.ts'
import type { Shard } from './shard.ts'

type Boot = Pick<StampedFrame, 'producer' | 'boot'>

/** Appends each producer's frames to one shard. */
export class RedisWriter implements Writer {
  readonly #maxShardBytes: number
  readonly #homes: Homes<Shard>

  constructor(shards: readonly Shard[], maxShardBytes: number) {
    this.#maxShardBytes = maxShardBytes
    this.#homes = new Homes(shards, async (shard, boot) => (await nextIn(shard, boot)) !== undefined)
  }

  async next(producer: string, boot: number): Promise<number> {
    const shard = await this.#homes.of({ producer, boot })
    return (await nextIn(shard, { producer, boot })) ?? 0
  }

  async append(frames: readonly StampedFrame[]): Promise<void> {
    const [first] = frames
    if (!first) return
    const shard = await this.#homes.of(first)
    const args = frames.flatMap(({ seq, count, bytes }) => [seq, count, bytes])
    await shard.run('append', [this.#maxShardBytes, bootKey(first), ...args])
    await shard.replicated()
  }

  async skip({ throughSeq, records, ...boot }: Parameters<Writer['skip']>[0]): Promise<void> {
    const shard = await this.#homes.of(boot)
    await shard.run('skip', [bootKey(boot), throughSeq, records])
    await shard.replicated()
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const bootKey = ({ producer, boot }: Boot) => `${producer}/${boot}`

/** The seq that a shard expects of a boot; undefined where it has not seen it. */
async function nextIn(shard: Shard, boot: Boot): Promise<number | undefined> {
  const [, next] = await shard.run('next', [bootKey(boot)])
  return toText(next) === '' ? undefined : toNumber(next)
}
