import type { DuckDBType } from '@duckdb/node-api'
import type { RequestRecord } from '../../record/fields.ts'
import type { DuckDb } from './duckdb.ts'
import type { ColumnEncoder, EncodedColumn, Refuse } from './encode.ts'
import type { Column } from './schema.ts'

/** A column of values of equal width, copied as they lie in memory. */
export function fixed(
  { bindings }: DuckDb,
  type: DuckDBType,
  width: number,
  rows: number,
  { buffer }: { readonly buffer: ArrayBuffer },
): Omit<EncodedColumn, 'name'> {
  return {
    type,
    boundBytes: rows * width,
    fill: (vector, from, count) => bindings.copy_data_to_vector(vector, 0, buffer, from * width, count * width),
  }
}

type Numbers = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** The array, or a longer one with its values where it is shorter than `length`. */
export function grown<A extends Numbers>(array: A, length: number): A {
  if (array.length >= length) return array
  const longer = new (array.constructor as new (length: number) => A)(Math.max(1024, 2 * length)) // of its own class
  longer.set(array)
  return longer
}

/** What each of them is made of. */
class OfOneField {
  protected readonly duck: DuckDb
  protected readonly column: Column
  protected readonly refuse: Refuse

  constructor(duck: DuckDb, column: Column, refuse: Refuse) {
    this.duck = duck
    this.column = column
    this.refuse = refuse
  }
}

export class Doubles extends OfOneField implements ColumnEncoder {
  #values = new Float64Array()

  add(records: readonly RequestRecord[], row: number): void {
    const { read, field } = this.column
    const values = grown(this.#values, row + records.length)
    this.#values = values
    for (let i = 0; i < records.length; i++) {
      const value = read(records[i]!) // i is within
      if (typeof value === 'number') values[row + i] = value
      else this.refuse(row + i, `${field} is ${JSON.stringify(value)}, not a number`)
    }
  }

  finish(rows: number): Omit<EncodedColumn, 'name'> {
    return fixed(this.duck, this.duck.api.DOUBLE, 8, rows, this.#values)
  }
}

/** Whole numbers of 8 or 16 bits. */
export class SmallIntegers extends OfOneField implements ColumnEncoder {
  #values: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>

  constructor(duck: DuckDb, column: Column, refuse: Refuse) {
    super(duck, column, refuse)
    this.#values = column.type === 'UTINYINT' ? new Uint8Array() : new Uint16Array()
  }

  add(records: readonly RequestRecord[], row: number): void {
    const { read, field } = this.column
    const values = grown(this.#values, row + records.length)
    this.#values = values
    for (let i = 0; i < records.length; i++) {
      const value = read(records[i]!) // i is within
      values[row + i] = value as number // what is none, or too large, does not come back
      if (values[row + i] !== value)
        this.refuse(row + i, `${field} is ${JSON.stringify(value)}, which its column cannot hold`)
    }
  }

  finish(rows: number): Omit<EncodedColumn, 'name'> {
    const { UTINYINT, USMALLINT } = this.duck.api
    const values = this.#values
    const width = values.BYTES_PER_ELEMENT
    return fixed(this.duck, width === 1 ? UTINYINT : USMALLINT, width, rows, values)
  }
}

/** Whole numbers of 64 bits, written as two words: no BigInt for each. Every machine that DuckDB has binaries for is little-endian. */
export class Integers extends OfOneField implements ColumnEncoder {
  #words = new Uint32Array()

  add(records: readonly RequestRecord[], row: number): void {
    const { read, field } = this.column
    const words = grown(this.#words, 2 * (row + records.length))
    this.#words = words
    for (let i = 0; i < records.length; i++) {
      const value = read(records[i]!) // i is within
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
        this.refuse(row + i, `${field} is ${JSON.stringify(value)}, not a whole number from 0 on`)
        continue
      }
      words[2 * (row + i)] = value >>> 0
      words[2 * (row + i) + 1] = value / 2 ** 32
    }
  }

  finish(rows: number): Omit<EncodedColumn, 'name'> {
    const { BIGINT, TIMESTAMP } = this.duck.api
    return fixed(this.duck, this.column.type === 'TIMESTAMP' ? TIMESTAMP : BIGINT, 8, rows, this.#words)
  }
}

/** DuckDB keeps a UUID as an integer of 128 bits, the lowest byte first, with the highest bit flipped so that it sorts as the text does. */
export class Uuids extends OfOneField implements ColumnEncoder {
  #bytes = new Uint8Array()

  add(records: readonly RequestRecord[], row: number): void {
    const { read, field } = this.column
    this.#bytes = grown(this.#bytes, 16 * (row + records.length))
    for (let i = 0; i < records.length; i++) {
      const id = read(records[i]!) // i is within
      if (!writeUuid(id, this.#bytes, 16 * (row + i)))
        this.refuse(row + i, `${field} is ${JSON.stringify(id)}, not a UUID`)
    }
  }

  finish(rows: number): Omit<EncodedColumn, 'name'> {
    return fixed(this.duck, this.duck.api.UUID, 16, rows, this.#bytes)
  }
}

/** Where the digits of each byte stand in `01234567-89ab-cdef-0123-456789abcdef`. */
const digitPairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
const digits = new Int8Array(128).fill(-1)
for (const [value, letter] of [...'0123456789abcdef'].entries()) {
  digits[letter.charCodeAt(0)] = value
  digits[letter.toUpperCase().charCodeAt(0)] = value
}

function writeUuid(id: unknown, bytes: Uint8Array, at: number): boolean {
  if (typeof id !== 'string' || id.length !== 36) return false
  for (let k = 0; k < 16; k++) {
    const pair = digitPairs[k]! // there are 16
    const high = digits[id.charCodeAt(pair)] ?? -1
    const low = digits[id.charCodeAt(pair + 1)] ?? -1
    if ((high | low) < 0) return false
    bytes[at + 15 - k] = (high << 4) | low
  }
  bytes[at + 15]! ^= 0x80 // within
  return true
}
