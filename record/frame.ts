import { crc32 } from 'node:zlib'
import { Packr } from 'msgpackr'
import { type FieldName, fieldNames, fields, type RequestRecord } from './fields.ts'
import { type Kind, makePacker } from './pack.ts'
import { Texts } from './texts.ts'

/*
  Frame, version 2. Integers are unsigned and big endian.

    offset  size
     0       2   magic      "PF"
     2       1   version    2
     3       1   flags      0
     4       4   crc        CRC-32 over everything from offset 8, as in every version to come
     8      16   producer   id of the producer, a UUID
    24       4   boot       start of the producer that made the frame
    28       8   seq        the boot's frame counter, from 0
    36       8   made       records that the boot had put into frames up to and including this one
    44       4   count      records in the frame
    48       4   names      length of the field names in bytes
    52       4   texts      length of the shared texts in bytes
    56     4×n   lengths    of each record in bytes, so that a record that cannot be decoded harms no other
     …           field names, once: a msgpack array of all of them, and one of those whose values are shared texts
     …           shared texts, a msgpack array: what many records have in common stands here once
     …           records, each a msgpack array of values in the order of the names, for a shared text its place
*/

const magic = 0x5046
const version = 2
const headBytes = 56
/** The head up to the seq: no two frames have the same, wherever they stand. */
export const frameIdentityBytes = 36
const packr = new Packr({ useRecords: false, moreTypes: false })

/** 64 KiB: a frame is cut when it has grown to this, so that one append stays well below a disk's or Redis' stall. */
export const frameCutBytes = 64 * 1024
export const frameCutRecords = 500
/** 4 MiB: no frame and so no record may be larger; a tenth of what Redis and Kafka accept at most by default configuration would allow. */
export const frameMaxBytes = 4 * 1024 * 1024
/** What a single record may take, so that it fits into a frame with its head. */
export const recordMaxBytes = frameMaxBytes - 4096

/** Which append a frame is: a repeat of the same one is recognised by it. */
export interface FrameId {
  /** Producer, a UUID in lower-case text. */
  readonly producer: string
  readonly boot: number
  readonly seq: number
}

export interface FrameHead extends FrameId {
  /** Records that this boot had put into frames up to and including this one. */
  readonly made: number
  readonly count: number
}

/** A record in a frame that could not be decoded: kept as a frame of its own, so that it becomes a dead letter and harms no neighbour. */
export class Undecodable {
  readonly bytes: Uint8Array
  readonly reason: string
  constructor(bytes: Uint8Array, reason: string) {
    this.bytes = bytes
    this.reason = reason
  }
}

/** The bytes are not a whole frame: torn by a crash, or not ours. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** The frame is whole, but a newer Penstock made it: it is to wait for one that can read it, not to be given up as torn. */
export class FrameVersionError extends FrameError {}

/** Fields whose texts other records of the frame have as well; those that tell requests apart stand in each record. */
const sharedNames = fieldNames.filter((name) => kindOf(name) === 'shared')
const namesBytes = packr.pack([fieldNames, sharedNames])

/** The bytes of one record, as they stand in a frame with these texts. */
export const packRecord: (record: RequestRecord, texts: Texts) => Uint8Array = makePacker(
  new Map(fieldNames.map((name) => [name, kindOf(name)])),
)

function kindOf(name: FieldName): Kind {
  const { empty, unique }: { empty: unknown; unique?: true } = fields[name]
  if (typeof empty === 'string') return unique ? 'text' : 'shared'
  if (typeof empty === 'number') return 'number'
  return empty === null ? 'any' : 'map'
}

/**
 * Lays packed records out as a frame whose identity is still blank: `stampFrame` writes it where the append happens.
 * Throws RangeError where the frame would be larger than a frame may be.
 */
export function layFrame(records: readonly Uint8Array[], texts: Texts): Uint8Array {
  const textsBytes = packr.pack([...texts])
  let bodyBytes = namesBytes.length + textsBytes.length
  for (const record of records) bodyBytes += record.length
  const total = headBytes + records.length * 4 + bodyBytes
  if (total > frameMaxBytes) throw new RangeError(`A frame of ${total} bytes is larger than ${frameMaxBytes}.`)
  const frame = Buffer.allocUnsafe(total)
  frame.fill(0, 0, headBytes)
  frame.writeUInt16BE(magic, 0)
  frame[2] = version
  frame.writeUInt32BE(records.length, 44)
  frame.writeUInt32BE(namesBytes.length, 48)
  frame.writeUInt32BE(textsBytes.length, 52)
  let at = headBytes
  for (const record of records) at = frame.writeUInt32BE(record.length, at)
  for (const part of [namesBytes, textsBytes, ...records]) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}

/** Writes who made the frame and which one it is, and seals it with the checksum. Changes `frame` in place. */
export function stampFrame(frame: Uint8Array, id: FrameId & { readonly made: number }): void {
  const view = asBuffer(frame)
  Buffer.from(id.producer.replaceAll('-', ''), 'hex').copy(view, 8)
  view.writeUInt32BE(id.boot, 24)
  view.writeBigUInt64BE(BigInt(id.seq), 28)
  view.writeBigUInt64BE(BigInt(id.made), 36)
  view.writeUInt32BE(crc32(view.subarray(8)), 4)
}

/** A whole frame of records in one step, for tests and for sources that append by themselves. */
export function encodeFrame(records: readonly RequestRecord[], id: FrameId & { readonly made: number }): Uint8Array {
  const texts = new Texts()
  const packed = records.map((record) => packRecord(record, texts))
  const frame = layFrame(packed, texts)
  stampFrame(frame, id)
  return frame
}

/** Reads and checks the head of a frame, without its records. Throws FrameError where the bytes are torn or foreign. */
export function readHead(bytes: Uint8Array): FrameHead {
  const frame = asBuffer(bytes)
  if (frame.length < headBytes || frame.readUInt16BE(0) !== magic) throw new FrameError('These bytes are not a frame.')
  if (crc32(frame.subarray(8)) !== frame.readUInt32BE(4))
    throw new FrameError('The frame is torn: its checksum is wrong.')
  const found = frame.readUInt8(2)
  if (found > version)
    throw new FrameVersionError(
      `A newer Penstock made frame version ${found}; this one reads ${version}: run that one.`,
    )
  if (found < version) throw new FrameError(`Frame version ${found} is older than this Penstock reads: ${version}.`)
  const hex = frame.toString('hex', 8, 24)
  return {
    producer: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    boot: frame.readUInt32BE(24),
    seq: Number(frame.readBigUInt64BE(28)),
    made: Number(frame.readBigUInt64BE(36)),
    count: frame.readUInt32BE(44),
  }
}

/**
 * The records of a frame, in order. A record that cannot be decoded stands as `Undecodable` in its place.
 * Throws FrameError where the frame as a whole is torn or foreign.
 */
export function decodeFrame(bytes: Uint8Array): (RequestRecord | Undecodable)[] {
  const { count } = readHead(bytes)
  const frame = asBuffer(bytes)
  const namesAt = headBytes + count * 4
  const textsAt = namesAt + frame.readUInt32BE(48)
  let at = textsAt + frame.readUInt32BE(52)
  const toRecord = decoderFor(frame.subarray(namesAt, textsAt))
  const texts: unknown = packr.unpack(frame, { start: textsAt, end: at })
  if (!Array.isArray(texts)) throw new FrameError('The frame’s shared texts are not a list.')
  const records = new Array<RequestRecord | Undecodable>(count)
  for (let i = 0; i < count; i++) {
    const end = at + frame.readUInt32BE(headBytes + i * 4)
    try {
      const values: unknown = packr.unpack(frame, { start: at, end })
      if (!Array.isArray(values)) throw new TypeError('not a list of values')
      records[i] = toRecord(values, texts)
    } catch (error) {
      records[i] = new Undecodable(sliceFrame(frame, i), error instanceof Error ? error.message : String(error))
    }
    at = end
  }
  return records
}

/** One record of a frame as a frame of its own, by the same producer, without decoding it; empty where the frame is too short to have it. */
export function sliceFrame(bytes: Uint8Array, index: number): Uint8Array {
  const frame = asBuffer(bytes)
  const count = frame.length < headBytes ? 0 : frame.readUInt32BE(44)
  const namesAt = headBytes + count * 4
  if (index >= count || frame.length < namesAt) return new Uint8Array()
  const recordsAt = namesAt + frame.readUInt32BE(48) + frame.readUInt32BE(52)
  let at = recordsAt
  for (let i = 0; i < index; i++) at += frame.readUInt32BE(headBytes + i * 4)
  const lengthAt = headBytes + index * 4
  const record = frame.subarray(at, at + frame.readUInt32BE(lengthAt))
  const head = [frame.subarray(0, headBytes), frame.subarray(lengthAt, lengthAt + 4)]
  const slice = Buffer.concat([...head, frame.subarray(namesAt, recordsAt), record])
  slice.writeUInt32BE(1, 44)
  slice.writeUInt32BE(crc32(slice.subarray(8)), 4)
  return slice
}

type ToRecord = (values: readonly unknown[], texts: readonly string[]) => RequestRecord

const decoders = new Map<string, ToRecord>()

/** A function from values in the order of a frame's names to a record: unknown names are passed over, missing ones get their empty value. */
function decoderFor(bytes: Buffer): ToRecord {
  const key = bytes.toString('latin1')
  const known = decoders.get(key)
  if (known) return known
  const [names, shared]: unknown[] = packr.unpack(bytes)
  if (!Array.isArray(names) || !Array.isArray(shared)) throw new FrameError('The frame’s field names are not lists.')
  const value = (name: FieldName) => {
    const index = names.indexOf(name)
    if (index < 0) return `empty.${name}`
    return `(${shared.includes(name) ? `texts[v[${index}]]` : `v[${index}]`} ?? empty.${name})`
  }
  const empty = Object.fromEntries(fieldNames.map((name) => [name, fields[name].empty]))
  const body = fieldNames.map((name) => `${name}: ${value(name)}`).join(',')
  const decoder = new Function('empty', `return (v, texts) => ({${body}})`)(empty) as ToRecord
  decoders.set(key, decoder)
  return decoder
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
