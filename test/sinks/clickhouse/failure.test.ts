import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, failureToReach } from '../../../sinks/clickhouse/failure.ts'

const exception = (code: number, name: string, status = 500) => ({
  status,
  headers: { 'x-clickhouse-exception-code': `${code}` },
  text: `Code: ${code}. DB::Exception: Something. (${name}) (version 26.7.2.1)\n`,
})

const meanings = {
  HaltError: [
    [60, 'UNKNOWN_TABLE'],
    [81, 'UNKNOWN_DATABASE'],
    [16, 'NO_SUCH_COLUMN_IN_TABLE'],
    [164, 'READONLY'],
    [192, 'UNKNOWN_USER'],
    [497, 'ACCESS_DENIED'],
    [516, 'AUTHENTICATION_FAILED'],
  ],
  RejectedError: [
    [117, 'INCORRECT_DATA'],
    [131, 'TOO_LARGE_STRING_SIZE'],
    [469, 'VIOLATED_CONSTRAINT'],
  ],
  RetryableError: [
    [159, 'TIMEOUT_EXCEEDED'],
    [202, 'TOO_MANY_SIMULTANEOUS_QUERIES'],
    [241, 'MEMORY_LIMIT_EXCEEDED'],
    [242, 'TABLE_IS_READ_ONLY'],
    [243, 'NOT_ENOUGH_SPACE'],
    [252, 'TOO_MANY_PARTS'],
    [999, 'KEEPER_EXCEPTION'],
    [123_456, 'AN_ERROR_OF_THE_FUTURE'],
  ],
} as const

for (const [name, codes] of Object.entries(meanings)) {
  for (const [code, type] of codes) {
    test(`${type} is a ${name} that says what the server said`, () => {
      const failure = failureOf(exception(code, type))
      assert.equal(failure?.name, name)
      assert.match(failure?.message ?? '', new RegExp(type))
    })
  }
}

test('an exception counts also where the status or the header does not tell of it', () => {
  assert.equal(failureOf(exception(60, 'UNKNOWN_TABLE', 200))?.name, 'HaltError')
  assert.equal(failureOf({ ...exception(60, 'UNKNOWN_TABLE', 200), headers: {} })?.name, 'HaltError')
})

test('an answer of ClickHouse without an exception is no failure', () => {
  assert.equal(failureOf({ status: 200, headers: { 'x-clickhouse-query-id': 'a' }, text: '' }), undefined)
})

test('text that records hold cannot pass for an exception', () => {
  const text = '/orders?Code: 60. DB::Exception'
  assert.equal(failureOf({ status: 200, headers: { 'x-clickhouse-query-id': 'a' }, text }), undefined)
})

test('a redirect halts, since nobody may be sent elsewhere with the records', () => {
  assert.equal(failureOf({ status: 301, headers: { location: 'http://elsewhere' }, text: '' })?.name, 'HaltError')
})

test('a page of a proxy is not repeated, a sentence is', () => {
  const page = failureOf({ status: 502, headers: {}, text: '<html>Bad gateway</html>' })
  assert.equal(page?.message, 'ClickHouse could not take the block now, HTTP 502.')
  const sentence = failureOf({ status: 502, headers: {}, text: 'no healthy upstream\n' })
  assert.equal(sentence?.message, 'ClickHouse could not take the block now, HTTP 502 (no healthy upstream).')
})

test('an address that none of its names reaches is named by its code', () => {
  const error = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })
  assert.equal(failureToReach(error).message, 'ClickHouse did not answer: ECONNREFUSED')
})
