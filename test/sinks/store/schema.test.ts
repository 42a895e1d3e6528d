import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { columnOf } from '../../../record/column.ts'
import { fieldNames, fields } from '../../../record/fields.ts'
import { columns, recordsSql } from '../../../sinks/store/schema.ts'
import { aFolder } from './place.ts'

async function ask(sql: string) {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const result = await connection.runAndReadAll(sql)
  return result.getRowObjectsJS()
}

test('every field has its column, in the order of the fields', () => {
  assert.deepEqual(
    columns.map(({ field, name }) => ({ field, name })),
    fieldNames.map((field) => ({ field, name: columnOf(field) })),
  )
})

test('what stands for a field that a file lacks is the field’s empty value', async () => {
  const [row] = await ask(`SELECT ${columns.map(({ name, emptySql }) => `${emptySql} AS ${name}`).join(', ')}`)
  for (const { field, name, type } of columns) {
    const { empty } = fields[field]
    const value = row?.[name]
    if (type === 'UUID') assert.equal(value, null)
    else if (type === 'TIMESTAMP')
      assert.deepEqual(value, new Date(empty as number)) // 0
    else if (typeof empty !== 'object') assert.equal(typeof empty === 'number' ? Number(value) : value, empty)
    else assert.equal(value, empty === null ? '' : JSON.stringify(empty))
  }
})

test('files of before a field was added are read with its empty value', async (t) => {
  const dir = await aFolder(t)
  const today = columns.length
  const before = columns.findIndex(({ field }) => field === 'tags')
  const write = (name: string, width: number) =>
    ask(
      `COPY (SELECT ${columns.slice(0, width).map((column) => `${column.emptySql} AS ${column.name}`)}) TO '${join(dir, name)}' (FORMAT parquet)`,
    )
  await write('old.parquet', before)
  await write('older.parquet', before - 2)
  await write('new.parquet', today)
  const sql = recordsSql([
    { path: join(dir, 'old.parquet'), columns: before },
    { path: join(dir, 'older.parquet'), columns: before - 2 },
    { path: join(dir, 'new.parquet'), columns: today },
  ])
  const rows = await ask(sql)
  assert.equal(rows.length, 3)
  for (const row of rows) assert.deepEqual(row, rows[0])
  assert.deepEqual(
    Object.keys(rows[0] ?? {}),
    columns.map(({ name }) => name),
  )
})

test('without files there are the columns and no records', async () => {
  assert.deepEqual(await ask(recordsSql([])), [])
  assert.deepEqual(await ask(`SELECT count(total_us) AS count, any_value(tags) AS tags FROM (${recordsSql([])})`), [
    { count: 0n, tags: null },
  ])
})

test('a folder with a quote in its name is read', async (t) => {
  const dir = await aFolder(t)
  const path = join(dir, "o'clock.parquet")
  await ask(`COPY (${recordsSql([])}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet)`)
  assert.deepEqual(await ask(recordsSql([{ path, columns: columns.length }])), [])
})
