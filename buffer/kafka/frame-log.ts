import { wait } from '../../runtime/wait.ts'
import type { Frame, Position, StampedFrame } from '../buffer.ts'
import { failureOf } from './failure.ts'
import type { Message, StoredMessage } from './message.ts'
import type { Batch, Fetched, Partition } from './partition.ts'
import { type Place, Places } from './places.ts'

/** 1 s: how long what was appended may take to become readable; a transaction that is open for longer belongs to a process that died. */
const settleMs = 1000
/** 1 MiB a fetch while a place is looked for. */
const walkBytes = 1024 * 1024

export interface ReadFrames {
  readonly frames: readonly Frame[]
  /** Behind them. */
  readonly next: Place
  /** Whether nothing more is there, not even what is being written. */
  readonly isEnd: boolean
}

/** The frames of one shard. */
export class FrameLog {
  readonly places = new Places()
  readonly partition: Partition

  constructor(partition: Partition) {
    this.partition = partition
  }

  /**
   * Frames from a place on, at least one and about `maxBytes`; none at the end, after waiting a moment for what is being written.
   * Throws NotHeldError where the place lies before what Kafka has, or behind it.
   */
  async read(from: Place, maxBytes: number): Promise<ReadFrames> {
    const startedAtMs = performance.now()
    let target: number | undefined
    for (let place = from; ; ) {
      const fetched = await this.#fetch(place, maxBytes)
      target ??= fetched.end
      const frames: Frame[] = []
      const room = { bytes: maxBytes }
      const next = this.#take(fetched, place, frames, room)
      const isEnd = fetched.stableEnd === fetched.end && next.offset >= fetched.end
      if (frames.length > 0) return { frames, next, isEnd }
      if (next.offset === place.offset) {
        if (fetched.stableEnd >= target || performance.now() - startedAtMs > settleMs) return { frames, next, isEnd }
        await wait(2)
      }
      place = next
    }
  }

  /** The place that a position names: that of its frame, or where the next frame will be; undefined where the log does not reach it yet. */
  async find({ offset: records }: Position): Promise<Place | undefined> {
    const known = this.places.atRecords(records)
    if (!known) throw new NotHeldError(`What lies at record ${records} is not held any more.`)
    for (let place = known; place.records !== records; ) {
      const { frames, next } = await this.read(place, walkBytes)
      const holder = frames.find((frame) => frame.offset <= records && records < frame.offset + frame.count)
      if (holder) return this.places.atRecords(holder.offset)
      if (frames.length === 0) return undefined
      place = next
    }
    return this.places.atRecords(records)
  }

  /** The place where the frames end that were appended before the call. */
  async end(): Promise<Place> {
    for (let place = this.places.last; ; ) {
      const { frames, next } = await this.read(place, walkBytes)
      if (frames.length === 0) return next
      place = next
    }
  }

  /** The place before the first frame appended at a time or later; the end where there is none. */
  async since(atMs: number): Promise<Place> {
    const offset = await this.partition.offsetSince(atMs)
    if (offset === undefined) return await this.end()
    for (let place = this.places.atOffset(offset) ?? this.places.first; ; ) {
      const { frames, next } = await this.read(place, walkBytes)
      const first = frames.find(({ appendedAtMs }) => appendedAtMs >= atMs)
      if (first) return this.places.atRecords(first.offset)! // met just now
      if (frames.length === 0) return next
      place = next
    }
  }

  async #fetch(place: Place, maxBytes: number): Promise<Fetched> {
    try {
      return await this.partition.fetch(place.offset, maxBytes, 'committed')
    } catch (error) {
      if (failureOf(error) !== 'range') throw error
      throw new NotHeldError(`Kafka does not hold what lies at record ${place.records}, offset ${place.offset}.`, {
        cause: error,
      })
    }
  }

  /** Adds the frames that were committed, while there is room, and resolves to the place behind them. */
  #take({ batches, abortedTransactions }: Fetched, from: Place, frames: Frame[], room: { bytes: number }): Place {
    let place = from
    for (const batch of committed(batches, abortedTransactions)) {
      for (const message of batch.messages) {
        if (message.offset < place.offset) continue
        if (room.bytes <= 0) return place
        const frame = toFrame(message, place)
        this.places.add({ ...place, offset: message.offset })
        place = {
          offset: message.offset + 1,
          records: place.records + frame.count,
          frames: place.frames + 1,
          bytes: place.bytes + frame.bytes.length,
        }
        frames.push(frame)
        room.bytes -= frame.bytes.length
      }
      place = { ...place, offset: Math.max(place.offset, batch.nextOffset) }
      this.places.add(place)
    }
    return place
  }
}

/** The place is before what Kafka has, or behind it. */
export class NotHeldError extends Error {
  override readonly name = 'NotHeldError'
}

/** Batches without the messages of transactions that were ended without success. */
function* committed(batches: Fetched['batches'], aborted: Fetched['abortedTransactions']): Generator<Batch> {
  const starts = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset))
  const ending = new Set<bigint>()
  for (const batch of batches) {
    while (starts[0] && starts[0].firstOffset < batch.nextOffset) ending.add(starts.shift()!.producerId) // there is one
    if (batch.kind === 'abort') ending.delete(batch.producerId)
    yield batch.kind === 'transactional' && ending.has(batch.producerId) ? { ...batch, messages: [] } : batch
  }
}

/* A frame's message: its bytes, and beside them what is known of it though they were torn. */

export function toMessage(frame: StampedFrame, { partition }: FrameLog): Message {
  const { producer, boot, seq, count, bytes } = frame
  return {
    ...{ topic: partition.topic, partition: partition.number },
    key: Buffer.from(`${producer}/${boot}`),
    value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    headers: { seq: `${seq}`, count: `${count}` },
  }
}

function toFrame({ value, headers, atMs }: StoredMessage, place: Place): Frame {
  const count = Number(headers.count)
  return {
    offset: place.records,
    bytes: value ?? new Uint8Array(),
    count,
    cumulative: place.records + count,
    appendedAtMs: atMs,
  }
}
