import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatewayOptions } from '../../gateway/options.ts'
import { type Ask, ask, startGateway, startUpstream, type TestServer } from './harness.ts'

/** Answers with the request's line and headers, as JSON. */
async function mirror(t: Parameters<typeof startUpstream>[0]): Promise<TestServer> {
  return await startUpstream(t, (request, response) => {
    response.end(JSON.stringify({ url: request.url, headers: request.headers }))
  })
}

test('a key is found in the header, as a bearer token and in the query', async (t) => {
  const upstream = await mirror(t)
  const { url, recorded } = await startGateway(t, {
    apis: [{ name: 'orders', upstream: upstream.url, key: { query: 'api_key' } }],
  })
  const ways: [string, Ask][] = [
    ['/', { headers: { 'X-Api-Key': 'key-acme' } }],
    ['/', { headers: { authorization: 'Bearer key-acme' } }],
    ['/', { headers: { authorization: 'bearer key-acme' } }],
    ['/?api_key=key-acme', {}],
    ['/?a=1&api%5Fkey=key-acme&b=2', {}],
  ]
  for (const [path, how] of ways)
    assert.equal((await ask(url, path, how)).status, 200, `${path} ${JSON.stringify(how)}`)
  assert.deepEqual(
    (await recorded(ways.length)).map(({ consumer, keyId, outcome }) => `${consumer} ${keyId} ${outcome}`),
    ways.map(() => 'acme id-acme ok'),
  )
})

test('the upstream never sees the key, and everything else as it was', async (t) => {
  const upstream = await mirror(t)
  const { url } = await startGateway(t, {
    apis: [{ name: 'orders', upstream: upstream.url, key: { query: 'api_key' } }],
  })
  const inHeader = JSON.parse(
    (await ask(url, '/?a=1', { headers: { 'X-API-KEY': 'key-acme', authorization: 'Basic abc' } })).body,
  )
  assert.equal(inHeader.headers['x-api-key'], undefined)
  assert.equal(inHeader.headers.authorization, 'Basic abc')
  const asBearer = JSON.parse((await ask(url, '/', { headers: { authorization: 'Bearer key-acme' } })).body)
  assert.equal(asBearer.headers.authorization, undefined)
  const inQuery = JSON.parse((await ask(url, '/x?a=%20&api%5Fkey=key-acme&b&api_key=other')).body)
  assert.equal(inQuery.url, '/x?a=%20&b')
  assert.equal(JSON.parse((await ask(url, '/x?api_key=key-acme')).body).url, '/x')
})

test('the header that held the key is passed on where the API says so', async (t) => {
  const upstream = await mirror(t)
  const { url } = await startGateway(t, {
    apis: [{ name: 'orders', upstream: upstream.url, key: { header: 'x-token', forward: true } }],
  })
  const answer = await ask(url, '/', { headers: { 'x-token': 'key-acme' } })
  assert.equal(JSON.parse(answer.body).headers['x-token'], 'key-acme')
})

test('without a key, or with one that is not known, the answer is 401 and says where to put it', async (t) => {
  const upstream = await mirror(t)
  const { url, recorded } = await startGateway(t, { apis: [{ name: 'orders', upstream: upstream.url }] })
  const without = await ask(url, '/')
  assert.equal(without.status, 401)
  assert.equal(without.headers['www-authenticate'], 'Bearer realm="orders"')
  assert.match(JSON.parse(without.body).detail, /x-api-key, or Authorization: Bearer/)
  for (const headers of [
    { 'x-api-key': 'wrong' },
    { authorization: 'Bearer wrong' },
    { 'x-api-key': ['key-a', 'key-b'] },
  ])
    assert.equal((await ask(url, '/', { headers })).status, 401, JSON.stringify(headers))
  for (const record of await recorded(4)) {
    assert.equal(record.outcome, 'unauthenticated')
    assert.equal(record.consumer, '')
    assert.equal(record.api, 'orders')
    assert.equal(record.tries, 0)
  }
})

test('a key in the query is not looked at where the API does not say so', async (t) => {
  const upstream = await mirror(t)
  const { url } = await startGateway(t, { apis: [{ name: 'orders', upstream: upstream.url }] })
  assert.equal((await ask(url, '/?x-api-key=key-acme&api_key=key-acme')).status, 401)
})

test('an expired or revoked key is refused, and its owner is in the record', async (t) => {
  const upstream = await mirror(t)
  const { url, onlyRecord } = await startGateway(t, {
    apis: [{ name: 'orders', upstream: upstream.url }],
    consumers: { acme: { team: 'partners' } },
  })
  const answer = await ask(url, '/', { headers: { 'x-api-key': 'dead-acme' } })
  assert.equal(answer.status, 401)
  assert.match(JSON.parse(answer.body).detail, /expired or was revoked/)
  const record = await onlyRecord()
  assert.deepEqual(
    [record.outcome, record.consumer, record.team, record.keyId],
    ['unauthenticated', 'acme', 'partners', 'id-acme'],
  )
})

test('a consumer that the configuration does not name is its own team', async (t) => {
  const upstream = await mirror(t)
  const { url, onlyRecord } = await startGateway(t, { apis: [{ name: 'orders', upstream: upstream.url }] })
  await ask(url, '/', { headers: { 'x-api-key': 'key-new' } })
  const { consumer, team, plan } = await onlyRecord()
  assert.deepEqual([consumer, team, plan], ['new', 'new', ''])
})

test('who may call is said by consumer, team or plan, for the API, a route and a method', async (t) => {
  const upstream = await mirror(t)
  const { url, recorded } = await startGateway(t, {
    consumers: { ann: { team: 'red' }, bob: { team: 'blue', plan: 'gold' }, cid: { team: 'blue' } },
    plans: { gold: {} },
    apis: [
      {
        name: 'orders',
        upstream: upstream.url,
        allow: { teams: ['blue'] },
        routes: [
          { path: '/orders' },
          { path: '/orders', methods: ['DELETE'], allow: { consumers: ['ann'] } },
          { path: '/reports', allow: { plans: ['gold'] } },
        ],
      },
    ],
  })
  const status = async (consumer: string, path: string, method = 'GET') =>
    (await ask(url, path, { method, headers: { 'x-api-key': `key-${consumer}` } })).status
  assert.equal(await status('ann', '/orders'), 403)
  assert.equal(await status('cid', '/orders'), 200)
  assert.equal(await status('ann', '/orders', 'DELETE'), 200)
  assert.equal(await status('cid', '/orders', 'DELETE'), 403)
  assert.equal(await status('bob', '/reports'), 200)
  assert.equal(await status('cid', '/reports'), 403)
  const refused = (await recorded(6)).filter((record) => record.status === 403)
  assert.deepEqual(
    refused.map(({ outcome, consumer, endpoint }) => `${outcome} ${consumer} ${endpoint}`),
    ['forbidden ann GET /orders', 'forbidden cid DELETE /orders', 'forbidden cid GET /reports'],
  )
})

test('an API without keys cannot say who may call it', () => {
  const result = gatewayOptions.safeParse({
    apis: [{ name: 'open', upstream: 'http://127.0.0.1:1', auth: 'none', allow: { teams: ['blue'] } }],
  })
  assert.match(String(result.error?.issues[0]?.message), /set auth to key/)
})
