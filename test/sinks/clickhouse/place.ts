import type { TestContext } from 'node:test'
import { createClient } from '@clickhouse/client'
import { columnOf } from '../../../record/column.ts'
import { fieldNames, type RequestRecord } from '../../../record/fields.ts'
import clickhouse from '../../../sinks/clickhouse/clickhouse.ts'
import { clickhouseUrl } from '../../services/shared.ts'
import type { SinkPlace, StoredRecord } from '../delivery.ts'

export interface ClickHousePlace extends SinkPlace {
  readonly options: { readonly url: string; readonly database: string; readonly password: string }
  /** Rows of a query, asked with a client of the test's own. */
  rows<Row>(query: string): Promise<Row[]>
  /** Runs a statement that has no rows. */
  run(query: string): Promise<void>
}

/** A database of its own in the shared server. */
export async function fresh(t: TestContext): Promise<ClickHousePlace> {
  return placeAt(t, new URL(await clickhouseUrl(t)))
}

/** The database that the address names. */
export function placeAt(t: TestContext, { origin, pathname, username, password }: URL): ClickHousePlace {
  const options = {
    url: origin,
    database: pathname.slice(1),
    password: decodeURIComponent(password),
    ...(username ? { username } : {}),
  }
  const client = createClient(options)
  t.after(() => client.close())
  const rows = async <Row>(query: string) =>
    (await client.query({ query, format: 'JSONEachRow', clickhouse_settings: wholeNumbers })).json<Row>()
  const run = async (query: string) => void (await client.command({ query }))
  return { options, rows, run, stored: () => storedRecords(rows) }
}

const wholeNumbers = { output_format_json_quote_64bit_integers: 1 } as const

/** Columns that JSON gives in another form than the record has. */
const fromColumn: Partial<Record<string, (value: never) => unknown>> = {
  ts: (micros: string) => Number(micros),
  totalUs: Number,
  gatewayUs: Number,
  upstreamUs: Number,
  bytesIn: Number,
  bytesOut: Number,
  detail: (json: string) => (json === '' ? null : JSON.parse(json)),
}

async function storedRecords(rows: ClickHousePlace['rows']): Promise<readonly StoredRecord[]> {
  if (
    (await rows("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'penstock_requests'"))
      .length === 0
  )
    return []
  const wanted = fieldNames.map((field) =>
    field === 'ts' ? 'toUnixTimestamp64Micro(ts) AS ts' : `${columnOf(field)} AS ${field}`,
  )
  const found = await rows<Record<string, never>>(`SELECT ${wanted} FROM penstock_requests`)
  return found.map((row) => {
    const entries = fieldNames.map((field) => {
      const toField = fromColumn[field]
      return [field, toField ? toField(row[field] as never) : row[field]] // each reads what its own column gives
    })
    return Object.fromEntries(entries) as RequestRecord // every field was selected
  })
}

export const harness = { definition: clickhouse, fresh }
