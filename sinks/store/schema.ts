import { columnOf } from '../../record/column.ts'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'

export type ColumnType = 'UUID' | 'DOUBLE' | 'TIMESTAMP' | 'UTINYINT' | 'USMALLINT' | 'BIGINT' | 'VARCHAR'

/** One field as it stands in a Parquet file. */
export interface Column {
  readonly field: FieldName
  readonly name: string
  readonly type: ColumnType
  /** What stands for the field in files that were written before it existed, as SQL. */
  readonly emptySql: string
  readonly read: Read
}

/** Takes a column's value from a record: a map or a detail as JSON, no detail as an empty text. */
export type Read = (record: RequestRecord) => unknown

const typesByClickHouse: Readonly<Record<string, ColumnType>> = {
  UUID: 'UUID',
  Float64: 'DOUBLE',
  "DateTime64(6, 'UTC')": 'TIMESTAMP',
  UInt8: 'UTINYINT',
  UInt16: 'USMALLINT',
  UInt64: 'BIGINT', // no field exceeds a safe integer, and every reader of Parquet knows a signed one
  String: 'VARCHAR',
  'LowCardinality(String)': 'VARCHAR', // Parquet makes its dictionaries by itself
  'Map(LowCardinality(String), String)': 'VARCHAR', // JSON text: lists and maps leaked memory on their way into DuckDB
}

/**
 * Every column of the store's files, in the order of the fields. As a new field goes to the end, the first n columns say
 * what a file with n columns holds.
 */
export const columns: readonly Column[] = fieldNames.map((field) => {
  const type = typesByClickHouse[fields[field].clickhouse]
  if (!type) throw new TypeError(`The store knows no column type for field ${field}: name it in sinks/store/schema.ts.`)
  return { field, name: columnOf(field), type, emptySql: emptySql(field, type), read: reader(field) }
})

function reader(field: FieldName): Read {
  const { empty } = fields[field]
  if (typeof empty === 'object') return (record) => toJson(record[field])
  return new Function('record', `return record.${field}`) as Read // a property by its own name is read several times faster than by one in a variable
}

function toJson(value: unknown): unknown {
  if (value === null) return ''
  if (typeof value !== 'object') return value // refused by who takes it
  for (const _ in value) return JSON.stringify(value)
  return '{}'
}

function emptySql(field: FieldName, type: ColumnType): string {
  const { empty } = fields[field]
  if (type === 'UUID') return 'NULL::UUID'
  if (type === 'TIMESTAMP') return `make_timestamp(${empty})`
  if (type !== 'VARCHAR') return `${empty}::${type}`
  if (empty === null) return "''"
  return sqlText(typeof empty === 'object' ? JSON.stringify(empty) : String(empty))
}

/** A file as far as reading it goes. */
export interface ReadableFile {
  readonly path: string
  /** How many of `columns` the file has: the first ones. */
  readonly columns: number
}

/** A SELECT that gives the records of all files in the columns of today, whatever fields they were written with. */
export function recordsSql(files: readonly ReadableFile[]): string {
  const widths = Map.groupBy(files, (file) => file.columns)
  if (widths.size === 0) return `SELECT ${columns.map(({ name, emptySql }) => `${emptySql} AS ${name}`)} WHERE false`
  return [...widths].map(([width, group]) => selectSql(width, group)).join('\nUNION ALL\n')
}

function selectSql(width: number, files: readonly ReadableFile[]): string {
  const selected = columns.map(({ name, emptySql }, i) => (i < width ? name : `${emptySql} AS ${name}`))
  return `SELECT ${selected.join(', ')} FROM read_parquet([${files.map(({ path }) => sqlText(path)).join(', ')}])`
}

/** A string as an SQL literal. */
export function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
