import type { Frame, Position } from '../buffer.ts'
import { type Reply, toEntries, toList, toNumber, toText } from './script.ts'
import type { Shard } from './shard.ts'

/** 16 frames of 64 KiB make 1 MiB, about what a read is asked for: how many are read before their size is known. */
const firstFrames = 16
/** 128: 8 MiB at most where frames were tiny and become full. */
const mostFrames = 128

/** Reads the frames of one shard, and learns from them how many make so many bytes. */
export class FrameRange {
  readonly #shard: Shard
  #frameBytes = 0

  constructor(shard: Shard) {
    this.#shard = shard
  }

  /** Frames from the one that `from` points into, at least one and about `maxBytes`. */
  async read(from: Position, maxBytes: number): Promise<readonly Frame[]> {
    const { keys, connection } = this.#shard
    const count = this.#frameBytes > 0 ? Math.ceil(maxBytes / this.#frameBytes) : firstFrames
    const range = [keys.log, `(${from.offset}-0`, '+', 'COUNT', Math.min(count, mostFrames)]
    const entries = await connection.ask((client) => client.callBuffer('xrange', ...range))
    const frames = firstBytes(toList(entries as Reply).map(toFrame), maxBytes) // entries of a stream
    if (frames.length > 0) this.#frameBytes = frames.reduce((sum, { bytes }) => sum + bytes.length, 0) / frames.length
    return frames
  }
}

function toFrame(entry: Reply): Frame {
  const [id, fields] = toList(entry)
  const values = new Map(toEntries(fields))
  const cumulative = Number.parseInt(toText(id), 10)
  const count = toNumber(values.get('count'))
  const appendedAtMs = toNumber(values.get('atMs'))
  return { offset: cumulative - count, count, cumulative, appendedAtMs, bytes: values.get('bytes') ?? new Uint8Array() }
}

function firstBytes(frames: readonly Frame[], maxBytes: number): readonly Frame[] {
  let roomBytes = maxBytes
  const end = frames.findIndex(({ bytes }) => {
    roomBytes -= bytes.length
    return roomBytes <= 0
  })
  return end < 0 ? frames : frames.slice(0, end + 1)
}
