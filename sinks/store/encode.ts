import type { DuckDBType } from '@duckdb/node-api'
import type { Vector } from '@duckdb/node-bindings'
import type { FieldName, RequestRecord } from '../../record/fields.ts'
import type { DuckDb } from './duckdb.ts'
import { Doubles, Integers, SmallIntegers, Uuids } from './encode-number.ts'
import { leaders, Texts } from './encode-text.ts'
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
  /** What the values take, each written out, and what the footer repeats of them. */
  readonly boundBytes: number
  /** Copies `count` values from `from` on to the beginning of a vector. */
  fill(vector: Vector, from: number, count: number): void
}

/** Says that the n-th record does not fit into its columns: then the result must not be used. */
export type Refuse = (row: number, reason: string) => void

/** Collects one column. */
export interface ColumnEncoder {
  /** Takes the next records; the first of them is the `row`-th. */
  add(records: readonly RequestRecord[], row: number): void
  finish(rows: number): Omit<EncodedColumn, 'name'>
}

/** 256 records, some 300 kB: they stay in the processor's cache from the first column to the last. */
const strideRecords = 256
/** Head, footer and schema of a file; then, for each column, page heads, and per value its length or place in a dictionary. */
const fileBytes = 64 * 1024
const columnBytes = 4096
const valueBytes = 8
/** What cannot be compressed grows by less than this when it is tried. */
const compressionSlack = 1.02

/** Lays records out by column while they pass: none of them is held. */
export class Encoder {
  readonly #encoders: ReadonlyMap<FieldName, ColumnEncoder>
  #stride: RequestRecord[] = []
  #rows = 0

  constructor(duck: DuckDb, refuse: Refuse) {
    this.#encoders = encodersFor(duck, refuse)
  }

  add(record: RequestRecord): void {
    this.#stride.push(record)
    if (this.#stride.length === strideRecords) this.#flush()
  }

  finish(): Encoded {
    this.#flush()
    const rows = this.#rows
    const encoded = columns.map(({ field, name }) => ({ name, ...this.#encoders.get(field)!.finish(rows) })) // one for each column
    const bound = encoded.reduce((sum, { boundBytes }) => sum + boundBytes + columnBytes + valueBytes * rows, 0)
    return { rows, columns: encoded, boundBytes: Math.ceil(bound * compressionSlack) + fileBytes }
  }

  #flush(): void {
    for (const encoder of this.#encoders.values()) encoder.add(this.#stride, this.#rows)
    this.#rows += this.#stride.length
    this.#stride = []
  }
}

/** An encoder for each column, who leads before who follows. */
function encodersFor(duck: DuckDb, refuse: Refuse): Map<FieldName, ColumnEncoder> {
  const encoders = new Map<FieldName, ColumnEncoder>()
  for (const column of columns.toSorted((a, b) => rank(a.field) - rank(b.field))) {
    const leader = encoders.get(leaders[column.field] ?? column.field)
    encoders.set(column.field, encoderFor(duck, column, refuse, leader instanceof Texts ? leader : undefined))
  }
  return encoders
}

function encoderFor(duck: DuckDb, column: Column, refuse: Refuse, leader: Texts | undefined): ColumnEncoder {
  switch (column.type) {
    case 'VARCHAR':
      return new Texts(duck, column, refuse, leader)
    case 'UUID':
      return new Uuids(duck, column, refuse)
    case 'DOUBLE':
      return new Doubles(duck, column, refuse)
    case 'UTINYINT':
    case 'USMALLINT':
      return new SmallIntegers(duck, column, refuse)
    case 'BIGINT':
    case 'TIMESTAMP':
      return new Integers(duck, column, refuse)
  }
}

function rank(field: FieldName): number {
  return leaders[field] === undefined ? 0 : 1
}
