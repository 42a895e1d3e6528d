/**
 * Claim: RowBinary of our own costs the pump about as much as the cheapest JSON, and the server much less.
 *
 * Prints CPU-seconds per 100,000 records: the pump's for encoding, the server's for the insert into an empty copy of the table of records.
 */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createClient } from '@clickhouse/client'
import { fieldNames, type RequestRecord } from '../record/fields.ts'
import { migrationScript } from '../sinks/clickhouse/migrate.ts'
import { clickhouseOptions } from '../sinks/clickhouse/options.ts'
import { toRows } from '../sinks/clickhouse/row-binary.ts'
import { columns } from '../sinks/clickhouse/tables.ts'
import { openClickHouse } from '../test/services/clickhouse.ts'
import { someRecords } from '../test/sinks/contract.ts'

const blockRecords = 20_000
const blocks = 5 // 100,000 records
const records = someRecords(blockRecords)
const marks = { token: 'a'.repeat(64), receivedAtS: Math.floor(Date.now() / 1000) }

const text = (value: unknown) => (value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : value)
const toValue = (record: RequestRecord, field: keyof RequestRecord) =>
  field === 'ts' ? (record.ts / 1_000_000).toFixed(6) : field === 'tags' ? record.tags : text(record[field])
const toList = (record: RequestRecord) => [
  ...fieldNames.map((field) => toValue(record, field)),
  marks.token,
  marks.receivedAtS,
]
const toObject = (record: RequestRecord) =>
  Object.fromEntries(toList(record).map((value, index) => [columns[index]?.name, value]))

const formats = {
  RowBinary: () => Buffer.concat([...toRows({ records, each: () => records }, marks)]),
  JSONCompactEachRow: () => Buffer.from(records.map((record) => JSON.stringify(toList(record))).join('\n')),
  JSONEachRow: () => Buffer.from(records.map((record) => JSON.stringify(toObject(record))).join('\n')),
}

await using server = await openClickHouse()
await using client = createClient({ url: server.url })
const [, ...statements] = migrationScript(clickhouseOptions.parse({ url: server.url, prefix: '' }))
for (const query of statements) if (query.includes('TABLE IF NOT EXISTS requests')) await client.command({ query })

const serverCpuS = async () => {
  const query =
    "SELECT sum(value) / 1e6 AS s FROM system.events WHERE event IN ('UserTimeMicroseconds', 'SystemTimeMicroseconds')"
  const [row] = await (await client.query({ query, format: 'JSONEachRow' })).json<{ s: number }>()
  return row?.s ?? 0
}

for (const [format, encode] of Object.entries(formats)) {
  const query = `INSERT INTO requests (${columns.map(({ name }) => name)}) FORMAT ${format}`
  const body = encode()
  const started = process.cpuUsage()
  for (let block = 0; block < blocks; block++) encode()
  const { user, system } = process.cpuUsage(started)
  const before = await serverCpuS()
  for (let block = 0; block < blocks; block++) {
    const { stream } = await client.exec({ query, values: Readable.from([body], { objectMode: false }) })
    await buffer(stream)
  }
  const inServer = (await serverCpuS()) - before
  console.log(
    format.padEnd(20),
    `pump ${((user + system) / 1e6).toFixed(2)}  server ${inServer.toFixed(2)}  ${Math.round(body.length / blockRecords)} bytes a record`,
  )
}
