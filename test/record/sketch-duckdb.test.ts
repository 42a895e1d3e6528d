import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { bucketDuckDbSql, bucketOf } from '../../record/sketch.ts'

/** Whole numbers at every bound and beside it, the places where a logarithm could err. */
function* atBounds(): Generator<number> {
  yield 0
  for (let power = 0; power <= 53; power++) {
    for (let part = 0; part < 32; part++) {
      const bound = Math.round(2 ** power * 2 ** (part / 32))
      for (const value of [bound - 2, bound - 1, bound, bound + 1, bound + 2])
        if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) yield value
    }
  }
}

test('DuckDB puts every whole number into the bucket that we do', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run('CREATE TABLE numbers (value BIGINT, bucket INTEGER)')
  const appender = await connection.createAppender('numbers')
  const spread = Array.from({ length: 50_000 }, () => Math.floor(2 ** (Math.random() * 53)))
  for (const value of [...atBounds(), ...spread]) {
    appender.appendBigInt(BigInt(value))
    appender.appendInteger(bucketOf(value))
    appender.endRow()
  }
  appender.closeSync()
  const different = `SELECT value FROM numbers WHERE ${bucketDuckDbSql('value')} <> bucket LIMIT 5`
  assert.deepEqual((await connection.runAndReadAll(different)).getRowsJS(), [])
  connection.closeSync()
  instance.closeSync()
})
