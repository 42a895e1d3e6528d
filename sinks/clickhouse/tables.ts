import { columnOf } from '../../record/column.ts'
import { fieldNames, fields } from '../../record/fields.ts'

/** Names of the tables that a prefix gives. */
export function tables({ prefix }: { readonly prefix: string }) {
  return {
    /** One row for each record. */
    requests: `${prefix}requests`,
    usage1m: `${prefix}usage_1m`,
    usage1h: `${prefix}usage_1h`,
    migrations: `${prefix}migrations`,
    /** How many records erasures took of each minute, and the sum of their ids. */
    erased: `${prefix}erased`,
    /** Which records an erasure is about to take; there only while it runs. */
    erasing: `${prefix}erasing`,
  }
}

export interface Column {
  readonly name: string
  readonly type: string
}

/** Columns of the table of records, in the order of an insert: the fields, then which block the row came in and when the log took that block. */
export const columns: readonly Column[] = [
  ...fieldNames.map((field) => ({ name: columnOf(field), type: fields[field].clickhouse })),
  { name: 'block', type: 'LowCardinality(String)' },
  { name: 'received_at', type: "DateTime('UTC')" },
]
