import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordType } from '../../record/fields.ts'
import { ask, type GatewayInput, openApi, startGateway, startUpstream, talk } from './harness.ts'

test('a record says who asked for what, and how it ended', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end('hello'))
  const { url, onlyRecord } = await startGateway(t, {
    name: 'gw-7',
    region: 'eu-1',
    org: 'mill',
    apis: [
      {
        name: 'orders',
        version: '2',
        upstream: upstream.url,
        basePath: '/v2',
        routes: [{ path: '/orders/{id}', methods: ['GET'], useCase: 'track an order' }],
      },
    ],
    consumers: { acme: { team: 'partners', plan: 'gold', tags: { tier: '1' } } },
    plans: { gold: {} },
    tags: { sdk: { header: 'x-sdk' }, locale: { query: 'lang' }, absent: { header: 'x-absent' } },
  })
  const before = Date.now() * 1000
  await ask(url, '/v2/orders/42?lang=de%20AT', {
    headers: {
      host: 'API.Example.com:8443',
      'x-api-key': 'key-acme',
      'user-agent': 'robot/1',
      referer: 'https://shop.example/cart?token=secret',
      'x-sdk': 'js-3',
    },
  })
  const record = recordType.parse(await onlyRecord())
  const { id, ts, totalUs, gatewayUs, upstreamUs, traceId, spanId, ...rest } = record
  assert.deepEqual(rest, {
    weight: 1,
    org: 'mill',
    gateway: 'gw-7',
    region: 'eu-1',
    api: 'orders',
    apiVersion: '2',
    route: '/v2/orders/{id}',
    endpoint: 'GET /v2/orders/{id}',
    method: 'GET',
    host: 'api.example.com',
    path: '/v2/orders/42',
    status: 200,
    outcome: 'ok',
    consumer: 'acme',
    team: 'partners',
    keyId: 'id-acme',
    plan: 'gold',
    useCase: 'track an order',
    bytesIn: 0,
    bytesOut: 5,
    clientIp: '127.0.0.1',
    userAgent: 'robot/1',
    referer: 'https://shop.example/cart',
    country: '',
    upstream: upstream.url,
    tries: 1,
    cache: '',
    variant: '',
    tags: { tier: '1', sdk: 'js-3', locale: 'de AT' },
    detail: null,
  })
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  assert.ok(
    ts >= before - 1_000_000 && ts <= Date.now() * 1000 + 1_000_000,
    'the start of the request by the wall clock',
  )
  assert.ok(totalUs > 0 && upstreamUs > 0 && gatewayUs >= 0)
  assert.ok(gatewayUs + upstreamUs <= totalUs + 1, 'the parts are no more than the whole')
  assert.match(traceId, /^[0-9a-f]{32}$/)
  assert.match(spanId, /^[0-9a-f]{16}$/)
})

test('a request that no API takes leaves a record, too', async (t) => {
  const { url, onlyRecord } = await startGateway(t, {})
  const answer = await ask(url, '/nowhere?x=1')
  assert.equal(answer.status, 404)
  const record = recordType.parse(await onlyRecord())
  assert.equal(record.outcome, 'client_error')
  assert.equal(record.endpoint, '{unmatched}')
  assert.equal(record.api, '')
  assert.equal(record.path, '/nowhere')
  assert.equal(record.tries, 0)
  assert.equal(record.upstreamUs, 0)
  assert.equal(record.bytesOut, answer.body.length)
})

test('what the gateway itself answers is a problem that says what to do and names the trace', async (t) => {
  const { url, onlyRecord } = await startGateway(t, {})
  const answer = await ask(url, '/nowhere')
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  assert.deepEqual(JSON.parse(answer.body), {
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'No API has this path. Check the host and the path.',
    traceId: (await onlyRecord()).traceId,
  })
})

test('the outcome follows the upstream’s status, unless the route expects it', async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    response.statusCode = Number(request.url?.split('/').at(-1))
    response.end()
  })
  const { url, recorded } = await startGateway(
    t,
    openApi(upstream.url, {
      routes: [{ path: '/plain/{status}' }, { path: '/look-up/{status}', expected: [404, 503] }],
    }),
  )
  for (const path of ['/plain/404', '/plain/503', '/look-up/404', '/look-up/503', '/look-up/500']) await ask(url, path)
  assert.deepEqual(
    (await recorded(5)).map(({ outcome }) => outcome),
    ['client_error', 'upstream_error', 'ok', 'ok', 'upstream_error'],
  )
})

test('an upstream that cannot be reached is a 502', async (t) => {
  const upstream = await startUpstream(t, () => {})
  upstream.server.close()
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  assert.equal((await ask(url, '/')).status, 502)
  const record = await onlyRecord()
  assert.equal(record.outcome, 'upstream_unreachable')
  assert.equal(record.upstream, upstream.url)
  assert.equal(record.tries, 1)
})

test('an upstream that does not answer in time is a 504', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const { url, onlyRecord } = await startGateway(
    t,
    openApi(upstream.url, { routes: [{ path: '/{all*}', responseMs: 50 }] }),
  )
  assert.equal((await ask(url, '/')).status, 504)
  const record = await onlyRecord()
  assert.equal(record.outcome, 'upstream_timeout')
  assert.ok(record.upstreamUs >= 50_000, 'the wait is the upstream’s')
  assert.ok(record.gatewayUs <= record.totalUs - record.upstreamUs + 1)
})

test('addresses, user agents and referers are recorded as the options say', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end())
  const headers = {
    'x-forwarded-for': '2001:db8:7:1::9',
    'user-agent': 'robot/1',
    referer: 'https://shop.example/cart?q=1#here',
  }
  const keptBy = async (privacy: GatewayInput['privacy']) => {
    const input = { trustedProxies: ['127.0.0.1'], privacy, ...openApi(upstream.url) }
    const { url, onlyRecord } = await startGateway(t, input)
    await ask(url, '/', { headers })
    const { clientIp, userAgent, referer } = await onlyRecord()
    return [clientIp, userAgent, referer]
  }
  assert.deepEqual(await keptBy({}), ['2001:db8:7:1::9', 'robot/1', 'https://shop.example/cart'])
  assert.deepEqual(await keptBy({ clientIp: 'truncated', userAgent: 'drop', referer: 'drop' }), [
    '2001:db8:7::',
    '',
    '',
  ])
  const secret = 'a secret of some length'
  const [pseudonym, , referer] = await keptBy({ clientIp: 'pseudonymised', secret, referer: 'keep' })
  assert.match(pseudonym ?? '', /^[0-9a-f]{16}$/)
  assert.equal(referer, 'https://shop.example/cart?q=1#here')
})

test('a path is recorded without its parameters, and without what a template names as a secret', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end())
  const { url, recorded } = await startGateway(
    t,
    openApi(upstream.url, {
      basePath: '/v1',
      routes: [{ path: '/reset/{resetToken}/now' }, { path: '/share/{secret*}' }, { path: '/{all*}' }],
    }),
  )
  for (const path of ['/v1/reset//abc/now', '/v1/share/a/b', '/v1/share', '/v1/x;sid=1/y', '/other;sid=1'])
    await ask(url, path)
  assert.deepEqual(
    (await recorded(5)).map(({ path }) => path),
    ['/v1/reset/{resetToken}/now', '/v1/share/{secret*}', '/v1/share', '/v1/x/y', '/other'],
  )
})

test('a request target that may hold a password leaves no trace of it', async (t) => {
  const { port, onlyRecord } = await startGateway(t, {})
  await talk(t, port, 'GET http://ada:hunter2@a.example/path?token=hunter3#hunter4 HTTP/1.1\r\nHost: a.example\r\n\r\n')
  const record = await onlyRecord()
  assert.equal(record.path, '/path')
  assert.doesNotMatch(JSON.stringify(record), /hunter|ada/)
})

test('tags hold no control characters, whatever the query spells', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end())
  const { url, onlyRecord } = await startGateway(t, {
    ...openApi(upstream.url),
    tags: { team: { query: 'team' }, empty: { query: 'empty' } },
  })
  await ask(url, '/?team=a%0D%0Ab%00%1b%5b31mc%E2%80%A8d%C2%85&empty=%0A')
  assert.deepEqual((await onlyRecord()).tags, { team: 'ab[31mcd' })
})

test('a record that is refused changes nothing for the client', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end('ok'))
  const { url } = await startGateway(t, openApi(upstream.url), { recorder: { record: () => false } })
  assert.equal((await ask(url, '/')).body, 'ok')
})
