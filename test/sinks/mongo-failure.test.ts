import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoWriteConcernError,
} from 'mongodb'
import { meaningOf, toSinkError } from '../../sinks/mongo/failure.ts'
import { HaltError, RetryableError } from '../../sinks/sink.ts'

// What FerretDB does not do, in MongoDB's own words.

test('a duplicate identity means that the record is there already', () => {
  assert.equal(
    meaningOf(11_000, 'E11000 duplicate key error collection: a.raw index: _id_ dup key: { _id: "x" }'),
    'present',
  )
})

test('a duplicate in a unique index of the operator’s means that the record was refused', () => {
  assert.equal(
    meaningOf(11_000, 'E11000 duplicate key error collection: a.raw index: traceId_1 dup key: { traceId: "x" }'),
    'refused',
  )
})

test('a document that fails validation is refused, and one that comes upon an election is not', () => {
  assert.equal(meaningOf(121, 'Document failed validation'), 'refused')
  assert.equal(meaningOf(189, 'Primary stepped down while waiting for replication'), 'other')
})

const serverError = (code: number, message: string) => new MongoServerError({ message, code, ok: 0 })
const tlsError = new MongoNetworkError('unable to verify the first certificate', {
  cause: Object.assign(new Error('unable to verify the first certificate'), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  }),
})

for (const [what, error, failure] of [
  ['a wrong password', serverError(18, 'Authentication failed.'), HaltError],
  ['a wrong password at Atlas', serverError(8000, 'bad auth'), HaltError],
  ['a missing role', serverError(13, 'not authorized on a to execute command { insert: "raw" }'), HaltError],
  ['a write concern that the replica set has not', serverError(100, 'Not enough data-bearing nodes'), HaltError],
  ['an untrusted certificate', tlsError, HaltError],
  ['a primary that stepped down', serverError(10_107, 'not primary'), RetryableError],
  ['a full disk', serverError(14_031, 'available disk space is less than required'), RetryableError],
  ['a connection that is lost', new MongoNetworkError('connection 1 to 127.0.0.1:1 closed'), RetryableError],
  ['an answer that is late', new MongoNetworkTimeoutError('connection 1 timed out'), RetryableError],
  [
    'a replica that is late',
    new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }),
    RetryableError,
  ],
  [
    'a host that has no address',
    Object.assign(new Error('querySrv ENOTFOUND'), { syscall: 'querySrv' }),
    RetryableError,
  ],
] as const)
  test(`${what} is a ${failure.name} that says why`, () => {
    const translated = toSinkError(error)
    assert.ok(translated instanceof failure, String(translated))
    assert.match(translated.message, /^MongoDB .+: ./)
  })

test('an error that nobody knows stays an unknown one', () => {
  const unknown = toSinkError(serverError(96, 'OperationFailed'))
  assert.ok(unknown instanceof Error)
  assert.equal(unknown.name, 'Error')
  assert.match(unknown.message, /96/)
  const misuse = new MongoInvalidArgumentError('Invalid bulk operation')
  assert.equal(toSinkError(misuse), misuse)
})
