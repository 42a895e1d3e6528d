import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toRecipe } from '../../buffer/redis/connection.ts'
import { redisOptions } from '../../buffer/redis/options.ts'
import { check } from '../../runtime/check.ts'
import type { RedisInput } from './redis-log.ts'

const recipe = (input: RedisInput) => toRecipe(redisOptions.parse(input))

/** Options of the client for one server, or for a group behind Sentinels. */
function single(input: RedisInput) {
  const made = recipe(input)
  if (made.kind !== 'single') throw new Error('This is a recipe for a Cluster.')
  return made.options
}

/** Those of them that name the server and the user. */
function target(input: RedisInput) {
  const { host, port, db, username, password, tls } = single(input)
  return { host, port, db, username, password, tls }
}

const nothing = { username: undefined, password: undefined, tls: undefined }

test('without an address the server is the one on this machine', () => {
  assert.deepEqual(target({}), { host: '127.0.0.1', port: 6379, db: 0, ...nothing })
})

test('an address may hold database, user, password and TLS; options of their own come before', () => {
  const urls = ['rediss://bob:p%26ss@[::1]:7000/3']
  assert.deepEqual(target({ urls }), { host: '::1', port: 7000, db: 3, username: 'bob', password: 'p&ss', tls: {} })
  const given = target({
    urls,
    username: 'alice',
    password: 'x',
    tls: { ca: 'PEM', cert: 'C', key: 'K', rejectUnauthorized: false },
  })
  assert.deepEqual(given, {
    ...{ host: '::1', port: 7000, db: 3, username: 'alice', password: 'x' },
    tls: { ca: 'PEM', cert: 'C', key: 'K', rejectUnauthorized: false },
  })
})

test('a Cluster is entered at any of the nodes named, with the same user and TLS for all', () => {
  const made = recipe({ urls: ['redis://:secret@a:7000', 'redis://b'], cluster: true, tls: {} })
  if (made.kind !== 'cluster') throw new Error('This is a recipe for one server.')
  const { nodes, options } = made
  assert.deepEqual(nodes, [
    { host: 'a', port: 7000 },
    { host: 'b', port: 6379 },
  ])
  assert.deepEqual([options.redisOptions.password, options.redisOptions.tls], ['secret', { rejectUnauthorized: true }])
})

test('with Sentinels the addresses are theirs, and they may have a user of their own', () => {
  const options = single({
    urls: ['redis://s1', 'redis://s2:5000'],
    password: 'data',
    sentinel: { master: 'main', username: 'watch', password: 'watch-secret' },
    tls: {},
  })
  const { sentinels, name, password, sentinelUsername, sentinelPassword, enableTLSForSentinelMode, host } = options
  assert.deepEqual(
    { sentinels, name, password, sentinelUsername, sentinelPassword, enableTLSForSentinelMode, host },
    {
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 5000 },
      ],
      ...{ name: 'main', password: 'data', sentinelUsername: 'watch', sentinelPassword: 'watch-secret' },
      ...{ enableTLSForSentinelMode: true, host: undefined },
    },
  )
})

for (const { fault, input, message } of [
  {
    fault: 'an address that is no address of Redis',
    input: { urls: ['http://localhost'] },
    message: /redis:\/\/localhost:6379/,
  },
  {
    fault: 'a Cluster behind Sentinels',
    input: { cluster: true, sentinel: { master: 'm' } },
    message: /exclude each other/,
  },
  { fault: 'a certificate without its key', input: { tls: { cert: 'C' } }, message: /cert and key go together/ },
  { fault: 'braces in the prefix, which would scatter the keys', input: { prefix: '{x}' }, message: /braces/ },
  { fault: 'an unknown option', input: { url: 'redis://localhost' }, message: /url/ },
])
  test(`${fault} is refused`, () => {
    assert.throws(() => check(redisOptions, input, 'penstock.yaml'), { name: 'ConfigError', message })
  })
