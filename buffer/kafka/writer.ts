import { BufferFullError, GapError, type StampedFrame, type Writer } from '../buffer.ts'
import { Homes } from '../homes.ts'
import { toMessage } from './frame-log.ts'
import { bootKey } from './keys.ts'
import type { Shard } from './shard.ts'
import type { Decision } from './single-writer.ts'
import { type Boot, put } from './stored.ts'

type BootName = Pick<StampedFrame, 'producer' | 'boot'>

/** Appends each producer's frames to one shard. */
export class KafkaWriter implements Writer {
  readonly #maxShardBytes: number
  readonly #homes: Homes<Shard>

  constructor(shards: readonly Shard[], maxShardBytes: number) {
    this.#maxShardBytes = maxShardBytes
    this.#homes = new Homes(shards, async (shard, { producer, boot }) => {
      await shard.producers.refresh()
      return shard.producers.get(bootKey(producer, boot)) !== undefined
    })
  }

  async next(producer: string, boot: number): Promise<number> {
    const shard = await this.#homes.of({ producer, boot })
    await shard.producers.refresh()
    return bootIn(shard, { producer, boot }).nextSeq
  }

  async append(frames: readonly StampedFrame[]): Promise<void> {
    const [first] = frames
    if (!first) return
    const shard = await this.#homes.of(first)
    await shard.producers.refresh() // how full the shard is, by all producers
    await shard.ofProducer(first.producer).change(() => appended(shard, frames, this.#maxShardBytes))
  }

  async skip({ throughSeq, records, ...name }: Parameters<Writer['skip']>[0]): Promise<void> {
    const shard = await this.#homes.of(name)
    await shard.ofProducer(name.producer).change(() => {
      const before = bootIn(shard, name)
      if (throughSeq < before.nextSeq) return nothing
      const after = { ...before, nextSeq: throughSeq + 1, skipped: before.skipped + records }
      return { messages: [put(shard.producers, bootKey(name.producer, name.boot), after)], result: undefined }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const nothing: Decision<undefined> = { messages: [], result: undefined }

function bootIn(shard: Shard, { producer, boot }: BootName): Boot {
  const known = shard.producers.get(bootKey(producer, boot))
  const counts = { nextSeq: 0, appended: 0, skipped: 0, frames: 0, bytes: 0 }
  return known?.kind === 'boot' ? known : { kind: 'boot', producer, boot, ...counts }
}

/** Those of the frames that the shard does not have yet, and how far the boot has come with them. */
function appended(shard: Shard, frames: readonly StampedFrame[], maxBytes: number): Decision<undefined> {
  const { producer, boot } = frames[0]! // the caller has one
  let after = bootIn(shard, { producer, boot })
  const fresh = frames.filter(({ seq }) => seq >= after.nextSeq)
  if (fresh.length === 0) return nothing
  for (const { seq, count, bytes } of fresh) {
    if (seq !== after.nextSeq) throw new GapError(after.nextSeq, seq)
    const { appended, frames: number } = after
    const counts = { appended: appended + count, frames: number + 1, bytes: after.bytes + bytes.length }
    after = { ...after, nextSeq: seq + 1, ...counts }
  }
  const heldBytes = shard.totals().bytes - shard.trimmed().bytes
  const newBytes = fresh.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (heldBytes + newBytes > maxBytes)
    throw new BufferFullError(`Shard ${shard.name} in Kafka holds ${heldBytes} of at most ${maxBytes} bytes.`)
  const messages = fresh.map((frame) => toMessage(frame, shard.log))
  return { messages: [...messages, put(shard.producers, bootKey(producer, boot), after)], result: undefined }
}
