import { columnOf } from '../../record/column.ts'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import { type Block, RejectedError } from '../sink.ts'

/*
  RowBinary: the values of a row behind each other, rows behind each other, nothing in between. Numbers in little endian.

    UInt8 … UInt64        1 to 8 bytes
    Float64               8 bytes, IEEE 754
    DateTime              seconds since 1970, as UInt32
    DateTime64(6)         microseconds since 1970, as Int64
    UUID                  its first half, then its second, each as UInt64
    String                length in bytes as a varint (7 bits a byte, lowest first), then UTF-8
    LowCardinality(T)     as T
    Map(K, V)             number of pairs as a varint, then key and value of each

  Chosen over JSON because every value arrives as it is, without escapes or guesses at what a number means, and because it
  costs pump and server less: bench/clickhouse-format.ts.
*/

const chunkBytes = 256 * 1024 // a few writes' worth for a socket, and encoded fast enough to let others have their turn in between

/** A value that its column cannot hold. */
class UnfitError extends Error {
  override readonly name = 'UnfitError'
}

/** Lays values out behind each other, in chunks. Throws UnfitError where a value is not of the type. */
class Writer {
  #chunk = Buffer.allocUnsafeSlow(chunkBytes)
  #view = new DataView(this.#chunk.buffer)
  #at = 0
  #full: Buffer[] = []

  /** What has been filled since the last call. */
  takeFull(): readonly Buffer[] {
    const full = this.#full
    if (full.length > 0) this.#full = []
    return full
  }

  /** What has been written and not been taken; nothing may be written afterwards. */
  rest(): Buffer {
    return this.#chunk.subarray(0, this.#at)
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#chunk.length) return
    this.#full.push(this.rest())
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes))
    this.#view = new DataView(this.#chunk.buffer)
    this.#at = 0
  }

  u8(value: number): void {
    checkInteger(value, 0xff)
    this.#reserve(1)
    this.#chunk[this.#at++] = value
  }

  u16(value: number): void {
    checkInteger(value, 0xffff)
    this.#reserve(2)
    this.#view.setUint16(this.#at, value, true)
    this.#at += 2
  }

  u32(value: number): void {
    checkInteger(value, 0xffff_ffff)
    this.#reserve(4)
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  u64(value: number): void {
    checkInteger(value, Number.MAX_SAFE_INTEGER)
    this.#reserve(8)
    const high = Math.floor(value / 2 ** 32)
    this.#view.setUint32(this.#at, value - high * 2 ** 32, true)
    this.#view.setUint32(this.#at + 4, high, true)
    this.#at += 8
  }

  f64(value: number): void {
    if (!Number.isFinite(value)) throw new UnfitError(`${value} is not a finite number`)
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  string(value: string): void {
    if (typeof value !== 'string') throw new UnfitError(`${value} is not a text`)
    if (value.length > shortUnits) this.#longString(value)
    else this.#shortString(value)
  }

  #shortString(value: string): void {
    this.#reserve(1 + value.length * maxUtf8Bytes)
    const chunk = this.#chunk
    const start = this.#at + 1
    let at = start
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) {
        at = start + chunk.write(value, start)
        break
      }
      chunk[at++] = unit
    }
    chunk[start - 1] = at - start
    this.#at = at
  }

  #longString(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.#varint(bytes)
    this.#reserve(bytes)
    this.#at += this.#chunk.write(value, this.#at)
  }

  #varint(value: number): void {
    this.#reserve(5) // 5 × 7 bits are more than the length of any string
    let rest = value
    while (rest > 0x7f) {
      this.#chunk[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#chunk[this.#at++] = rest
  }

  uuid(value: string): void {
    if (!uuidForm.test(value)) throw new UnfitError(`${value} is not a UUID`)
    this.#reserve(16)
    let digit = value.length - 1
    for (const half of [8, 0]) {
      for (let i = 0; i < 8; i++) {
        if (value.charCodeAt(digit) === dash) digit--
        this.#chunk[this.#at + half + i] = (hexDigit(value, digit - 1) << 4) | hexDigit(value, digit)
        digit -= 2
      }
    }
    this.#at += 16
  }

  map(value: Readonly<Record<string, string>>): void {
    const keys = Object.keys(value)
    this.#varint(keys.length)
    for (const key of keys) {
      this.string(key)
      this.string(value[key]!) // one of its own keys
    }
  }

  /** What is not text in a column of text: as JSON, and nothing for null. */
  json(value: unknown): void {
    this.string(value === null ? '' : JSON.stringify(value))
  }
}

const shortUnits = 42 // at most 126 bytes: the length takes one byte, and a loop is faster than a call into native code
const maxUtf8Bytes = 3 // for each unit of a JavaScript string
const uuidForm = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i
const dash = 0x2d

/** Value of a character that is a hexadecimal digit: letters have bit 6 set and begin with 1 in the low bits. */
function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return (code & 0xf) + (code >> 6) * 9
}

function checkInteger(value: number, max: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= max))
    throw new UnfitError(`${value} is not a whole number from 0 to ${max}`)
}

type Method = Exclude<keyof Writer, 'takeFull' | 'rest'>

const methods: Readonly<Record<string, Method>> = {
  UInt8: 'u8',
  UInt16: 'u16',
  UInt64: 'u64',
  Float64: 'f64',
  UUID: 'uuid',
  String: 'string',
  'LowCardinality(String)': 'string',
  "DateTime64(6, 'UTC')": 'u64',
  'Map(LowCardinality(String), String)': 'map',
}

function methodOf(field: FieldName): Method {
  const { clickhouse, empty } = fields[field]
  const method = methods[clickhouse]
  if (!method) throw new TypeError(`RowBinary has no writer for ${clickhouse}, the type of field ${field}.`)
  return method === 'string' && typeof empty !== 'string' ? 'json' : method
}

// Built once from the declaration: about twice as fast as a loop over names.
const writeFields = new Function(
  'writer',
  'record',
  fieldNames.map((field) => `writer.${methodOf(field)}(record.${field})`).join('\n'),
) as (writer: Writer, record: RequestRecord) => void

/** What a block's rows have in common. */
export interface RowMarks {
  readonly token: string
  readonly receivedAtS: number
}

/**
 * The rows of a block in the order of `columns`, encoded as they are asked for.
 * Throws RejectedError, naming all of them, where records have values that their columns cannot hold.
 */
export function* toRows(block: Pick<Block, 'each' | 'records'>, { token, receivedAtS }: RowMarks): Generator<Buffer> {
  const writer = new Writer()
  for (const record of block.each()) {
    try {
      writeFields(writer, record)
    } catch (error) {
      throw unfitRecords(block.records) ?? error
    }
    writer.string(token)
    writer.u32(receivedAtS)
    yield* writer.takeFull()
  }
  yield* writer.takeFull()
  yield writer.rest()
}

/** All that is wrong with the records, in one error; undefined where nothing is. */
function unfitRecords(records: readonly RequestRecord[]): RejectedError | undefined {
  const faults = records.flatMap((record, index) => {
    const fault = faultOf(record)
    return fault === undefined ? [] : [{ index, fault }]
  })
  const [first] = faults
  if (!first) return undefined
  const indexes = faults.map(({ index }) => index)
  return new RejectedError(`A value does not fit its column: ${first.fault}.`, { indexes })
}

function faultOf(record: RequestRecord): string | undefined {
  const writer: { readonly [M in Method]: (value: never) => void } = new Writer()
  for (const field of fieldNames) {
    try {
      writer[methodOf(field)](record[field] as never) // each method checks its value
    } catch (error) {
      return `${columnOf(field)}: ${error instanceof Error ? error.message : error}`
    }
  }
  return undefined
}
