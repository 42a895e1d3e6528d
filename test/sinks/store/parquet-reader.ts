import { globSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { columnOf } from '../../../record/column.ts'
import { fieldNames, type RequestRecord } from '../../../record/fields.ts'

/** Every record in the Parquet files under a folder, read as anybody with DuckDB would: no manifest, no code of ours. */
export async function readParquet(dir: string): Promise<RequestRecord[]> {
  if (globSync(join(dir, '*-*-*/*.parquet')).length === 0) return []
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const selected = fieldNames.map((field) => `${asJs[field] ?? columnOf(field)} AS "${field}"`)
    const result = await connection.runAndReadAll(
      `SELECT ${selected.join(', ')} FROM '${join(dir, '*-*-*/*.parquet')}'`,
    )
    return result.getRowObjectsJS().map(toRecord)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const asJs: Partial<Record<keyof RequestRecord, string>> = { id: 'id::VARCHAR', ts: 'epoch_us(ts)' }

function toRecord(row: Record<string, unknown>): RequestRecord {
  const numbers = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  )
  const { tags, detail, ...rest } = numbers
  return {
    ...rest,
    tags: JSON.parse(String(tags)),
    detail: detail === '' ? null : JSON.parse(String(detail)),
  } as RequestRecord // what the store made of records
}
