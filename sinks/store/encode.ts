import type { DuckDBType } from '@duckdb/node-api'
import type { Vector } from '@duckdb/node-bindings'
import type { RequestRecord } from '../../record/fields.ts'
import type { DuckDb } from './duckdb.ts'
import { type Column, columns } from './schema.ts'

/** Some records by column, ready to be copied into DuckDB's vectors. */
export interface Encoded {
  readonly rows: number
  readonly columns: readonly EncodedColumn[]
  /** No Parquet file of these records is larger, however little it compresses. */
  readonly boundBytes: number
}

export interface EncodedColumn {
  readonly name: string
  readonly type: DuckDBType
  /** Copies `count` values from `from` on to the beginning of a vector. */
  fill(vector: Vector, from: number, count: number): void
}

/** Says that a record does not fit into its columns. */
export type Refuse = (index: number, reason: string) => void

interface Bounded extends EncodedColumn {
  readonly boundBytes: number
}

/** 4,096: a column with more different values than this is no dictionary; every one that is costs DuckDB a type of so many names. */
const dictionaryMax = 4096
/** Head, footer and schema of a file; then, for each column, page heads, and per value its length or place in a dictionary. */
const fileBytes = 64 * 1024
const columnBytes = 4096
const valueBytes = 8
/** A column's least and greatest value stand in its footer, twice, up to this length each. */
const statisticMaxBytes = 10_000
/** What cannot be compressed grows by less than this when it is tried. */
const compressionSlack = 1.02

/** Lays records out by column. A record that does not fit is refused, and the result must not be used. */
export function encode(duck: DuckDb, records: readonly RequestRecord[], refuse: Refuse): Encoded {
  const encoded = columns.map((column) => encodeColumn(duck, column, records, refuse))
  const bound = encoded.reduce((sum, { boundBytes }) => sum + boundBytes + columnBytes + valueBytes * records.length, 0)
  return { rows: records.length, columns: encoded, boundBytes: Math.ceil(bound * compressionSlack) + fileBytes }
}

function encodeColumn(duck: DuckDb, column: Column, records: readonly RequestRecord[], refuse: Refuse): Bounded {
  const { api } = duck
  switch (column.type) {
    case 'VARCHAR':
      return encodeText(duck, column, records, refuse)
    case 'UUID':
      return fixed(duck, column.name, api.UUID, 16, uuids(records, refuse))
    case 'DOUBLE':
      return fixed(duck, column.name, api.DOUBLE, 8, numbers(new Float64Array(records.length), column, records, refuse))
    case 'UTINYINT':
      return fixed(duck, column.name, api.UTINYINT, 1, numbers(new Uint8Array(records.length), column, records, refuse))
    case 'USMALLINT':
      return fixed(
        duck,
        column.name,
        api.USMALLINT,
        2,
        numbers(new Uint16Array(records.length), column, records, refuse),
      )
    case 'BIGINT':
      return fixed(duck, column.name, api.BIGINT, 8, integers(column, records, refuse))
    case 'TIMESTAMP':
      return fixed(duck, column.name, api.TIMESTAMP, 8, integers(column, records, refuse))
  }
}

/** A column of values of equal width, copied as they lie in memory. */
function fixed(
  { bindings }: DuckDb,
  name: string,
  type: DuckDBType,
  width: number,
  values: { readonly buffer: ArrayBuffer },
): Bounded {
  return {
    name,
    type,
    boundBytes: values.buffer.byteLength,
    fill: (vector, from, count) => bindings.copy_data_to_vector(vector, 0, values.buffer, from * width, count * width),
  }
}

function numbers<A extends Float64Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  into: A,
  { field }: Column,
  records: readonly RequestRecord[],
  refuse: Refuse,
): A {
  for (let i = 0; i < records.length; i++) {
    const value = records[i]![field] // i is within
    into[i] = value as number // what is none, or too large, does not come back from the array
    if (into[i] !== value) refuse(i, `${field} is ${JSON.stringify(value)}, which its column cannot hold`)
  }
  return into
}

/** Integers of 64 bits, written as two words: no BigInt for each. Every machine that DuckDB has binaries for is little-endian. */
function integers({ field }: Column, records: readonly RequestRecord[], refuse: Refuse): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(records.length * 2)
  for (let i = 0; i < records.length; i++) {
    const value = records[i]![field] // i is within
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      refuse(i, `${field} is ${JSON.stringify(value)}, not a whole number from 0 on`)
      continue
    }
    words[2 * i] = value >>> 0
    words[2 * i + 1] = value / 2 ** 32
  }
  return words
}

/** Where the digits of each byte stand in `01234567-89ab-cdef-0123-456789abcdef`. */
const digitPairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
const digits = new Int8Array(128).fill(-1)
for (const [value, letters] of [...'0123456789abcdef'].entries())
  for (const letter of letters + letters.toUpperCase()) digits[letter.charCodeAt(0)] = value

/** DuckDB keeps a UUID as an integer of 128 bits, the lowest byte first, with the highest bit flipped so that it sorts as the text does. */
function uuids(records: readonly RequestRecord[], refuse: Refuse): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(records.length * 16)
  for (let i = 0; i < records.length; i++) {
    const { id } = records[i]! // i is within
    let valid = typeof id === 'string' && id.length === 36
    for (let k = 0; valid && k < 16; k++) {
      const at = digitPairs[k]! // there are 16
      const high = digits[id.charCodeAt(at)] ?? -1
      const low = digits[id.charCodeAt(at + 1)] ?? -1
      valid = high >= 0 && low >= 0
      bytes[i * 16 + 15 - k] = (high << 4) | low
    }
    bytes[i * 16 + 15]! ^= 0x80 // within
    if (!valid) refuse(i, `id is ${JSON.stringify(id)}, not a UUID`)
  }
  return bytes
}

/** A column of texts: as a dictionary and codes where few differ, which spares DuckDB a call for each value; else one by one. */
function encodeText(duck: DuckDb, { name, field }: Column, records: readonly RequestRecord[], refuse: Refuse): Bounded {
  const texts: string[] = []
  const known = new Map<string, number>()
  const sizes: number[] = []
  const codes = new Uint16Array(records.length)
  let hasNul = false // a name of a type ends at a NUL
  let bytes = 0
  let longest = 0
  for (let i = 0; i < records.length; i++) {
    const text = toText(records[i]![field]) // i is within
    let code = known.get(text)
    if (code === undefined) {
      if (typeof text !== 'string') {
        refuse(i, `${field} is ${JSON.stringify(text)}, not a text`)
        continue
      }
      if (known.size === dictionaryMax)
        return plainText(
          duck,
          name,
          records.map((record) => toText(record[field])),
          refuse,
        )
      code = known.size
      known.set(text, code)
      texts.push(text)
      sizes.push(Buffer.byteLength(text))
      hasNul ||= text.includes('\0')
      longest = Math.max(longest, sizes[code]!) // just pushed
    }
    codes[i] = code
    bytes += sizes[code]! // every code has a size
  }
  if (hasNul || texts.length === 0)
    return plainText(
      duck,
      name,
      records.map((record) => toText(record[field])),
      refuse,
    )
  const narrow = texts.length < 256
  return {
    ...fixed(duck, name, duck.api.ENUM(texts), narrow ? 1 : 2, narrow ? Uint8Array.from(codes) : codes),
    boundBytes: bytes + 4 * Math.min(longest, statisticMaxBytes),
  }
}

function plainText({ api, bindings }: DuckDb, name: string, texts: readonly string[], refuse: Refuse): Bounded {
  let bytes = 0
  let longest = 0
  for (const [i, text] of texts.entries()) {
    if (typeof text !== 'string') refuse(i, `${name} is ${JSON.stringify(text)}, not a text`)
    else {
      const size = Buffer.byteLength(text)
      bytes += size
      longest = Math.max(longest, size)
    }
  }
  return {
    name,
    type: api.VARCHAR,
    boundBytes: bytes + 4 * Math.min(longest, statisticMaxBytes),
    fill(vector, from, count) {
      for (let i = 0; i < count; i++) bindings.vector_assign_string_element(vector, i, texts[from + i]!) // within
    },
  }
}

/** Maps and details stand as JSON; no detail as an empty text. */
function toText(value: RequestRecord[keyof RequestRecord]): string {
  if (typeof value !== 'object') return value as string // what it is instead is refused by who takes it
  return value === null ? '' : JSON.stringify(value)
}
