import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { type TestContext, test } from 'node:test'
import {
  type Ask,
  ask,
  type GatewayInput,
  openApi,
  startGateway,
  startRawUpstream,
  startUpstream,
  talk,
} from './harness.ts'

/** What an upstream sees of a request through a gateway with these options. */
async function seen(t: TestContext, how: Ask, more: GatewayInput = {}, api: Parameters<typeof openApi>[1] = {}) {
  const upstream = await startUpstream(t, (request, response) => {
    response.end(JSON.stringify(request.headers))
  })
  const { url, onlyRecord } = await startGateway(t, { ...openApi(upstream.url, api), ...more })
  const headers: IncomingHttpHeaders = JSON.parse((await ask(url, '/', how)).body)
  return { headers, record: await onlyRecord(), upstream, url }
}

test('the upstream learns who asked, for which host, and by which way', async (t) => {
  const { headers, upstream, record } = await seen(t, { headers: { host: 'api.example.com:81' } })
  assert.equal(headers.host, new URL(upstream.url).host)
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['x-forwarded-proto'], 'http')
  assert.equal(headers['x-forwarded-host'], 'api.example.com:81')
  assert.equal(headers.via, '1.1 penstock')
  assert.equal(record.host, 'api.example.com')
})

test('the upstream learns whose key it was', async (t) => {
  const how = { headers: { 'x-api-key': 'key-acme', 'x-consumer': 'root' } }
  const { headers } = await seen(t, how, {}, { auth: 'key' })
  assert.equal(headers['x-consumer'], 'acme')
})

test('the host that the client asked for can be kept', async (t) => {
  const { headers } = await seen(t, { headers: { host: 'api.example.com:81' } }, {}, { preserveHost: true })
  assert.equal(headers.host, 'api.example.com:81')
})

test('what a client says of itself is not believed', async (t) => {
  const claims = {
    'x-forwarded-for': '192.0.2.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'X-Forwarded-Port': '1',
    'x-forwarded-client-cert': 'x',
    'x-real-ip': '192.0.2.9',
    X_Real_Ip: '192.0.2.9',
    x_forwarded_user: 'root',
    forwarded: 'for=192.0.2.9',
    'x-consumer': 'root',
    X_Consumer: 'root',
    proxy: 'http://evil.example',
    'x-user-id': '1',
    X_User_Id: '2',
    my_own: 'kept',
  }
  const { headers, record } = await seen(t, { headers: claims })
  assert.equal(record.clientIp, '127.0.0.1')
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['x-forwarded-proto'], 'http')
  assert.notEqual(headers['x-forwarded-host'], 'evil.example')
  assert.deepEqual(
    [headers.proxy, headers['x-user-id'], headers.x_user_id, headers.my_own],
    [undefined, '1', undefined, 'kept'],
  )
  assert.deepEqual(
    Object.keys(headers).filter((name) => /forwarded|real|consumer/.test(name)),
    ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'],
  )
})

test('what a trusted proxy says of the client is believed and passed on', async (t) => {
  const claims = {
    'x-forwarded-for': '203.0.113.5, 198.51.100.7, 10.1.2.3',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-port': '443',
    via: '1.0 edge',
  }
  const { headers, record } = await seen(t, { headers: claims }, { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] })
  assert.equal(record.clientIp, '198.51.100.7', 'the first from the right that is no trusted proxy')
  assert.equal(headers['x-forwarded-for'], '203.0.113.5, 198.51.100.7, 10.1.2.3, 127.0.0.1')
  assert.equal(headers['x-forwarded-proto'], 'https')
  assert.equal(headers['x-forwarded-host'], 'shop.example')
  assert.equal(headers['x-forwarded-port'], '443')
  assert.equal(headers.via, '1.0 edge, 1.1 penstock')
})

test('the client’s address is read from odd but honest entries, and never from nonsense', async (t) => {
  const trustedProxies = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8']
  for (const [forwardedFor, expected] of [
    ['203.0.113.5:4711', '203.0.113.5'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['203.0.113.5, unknown, 10.0.0.1', '10.0.0.1'],
    ['unknown', '127.0.0.1'],
    ['', '127.0.0.1'],
    ['10.0.0.2, fd00::7', '10.0.0.2'],
  ] as const) {
    const { record } = await seen(t, { headers: { 'x-forwarded-for': forwardedFor } }, { trustedProxies })
    assert.equal(record.clientIp, expected, forwardedFor)
  }
})

test('headers that speak of one connection only are not passed on', async (t) => {
  const { headers } = await seen(t, {
    headers: {
      connection: 'keep-alive, X-Private, close',
      'x-private': '1',
      'keep-alive': 'timeout=9',
      te: 'trailers',
      'proxy-connection': 'close',
      'proxy-authorization': 'Basic abc',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAAP__',
      'x-public': '2',
    },
  })
  assert.equal(headers['x-public'], '2')
  assert.equal(headers.connection, 'keep-alive', 'the gateway’s own connection')
  for (const name of [
    'x-private',
    'keep-alive',
    'te',
    'proxy-connection',
    'proxy-authorization',
    'upgrade',
    'http2-settings',
  ])
    assert.equal(headers[name], undefined, name)
})

test('headers of an answer that speak of one connection only are not passed on', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', () =>
      socket.write(
        'HTTP/1.1 200 OK\r\nConnection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\nTrailer: x-end\r\nX-Public: 2\r\nX-Public: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n',
      ),
    )
  })
  const { url } = await startGateway(t, openApi(upstream.url))
  const answer = await ask(url, '/', { headers: { connection: 'keep-alive' } })
  assert.equal(answer.body, 'hello')
  assert.deepEqual(
    answer.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()),
    ['x-public', 'x-public', 'content-length', 'date', 'connection', 'keep-alive'],
  )
  assert.equal(answer.headers.connection, 'keep-alive', 'the client’s connection is not the upstream’s')
})

test('bytes beyond ASCII in headers pass unchanged', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', (data) => {
      const sent = /x-name: (.*)\r\n/i.exec(data.toString('latin1'))?.[1] ?? ''
      socket.write(Buffer.from(`HTTP/1.1 200 OK\r\nX-Name: ${sent}\r\nContent-Length: 0\r\n\r\n`, 'latin1'))
    })
  })
  const { port } = await startGateway(t, openApi(upstream.url))
  const answer = await talk(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Name: caf\xc3\xa9\r\nConnection: close\r\n\r\n')
  assert.match(answer, /X-Name: caf\xc3\xa9\r\n/)
})

test('a trace goes on: same id and flags, our span as the upstream’s parent, its state kept', async (t) => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  for (const flags of ['00', '01', '03']) {
    const { headers, record } = await seen(t, {
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-${flags}`, tracestate: 'vendor=1' },
    })
    assert.equal(headers.traceparent, `00-${traceId}-${record.spanId}-${flags}`)
    assert.equal(headers.tracestate, 'vendor=1')
    assert.equal(record.traceId, traceId)
    assert.notEqual(record.spanId, 'b7ad6b7169203331')
  }
})

test('a traceparent of a later version is understood as far as it can be', async (t) => {
  const { headers, record } = await seen(t, {
    headers: { traceparent: '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-extra' },
  })
  assert.equal(headers.traceparent, `00-0af7651916cd43dd8448eb211c80319c-${record.spanId}-01`)
})

test('without a valid traceparent a new trace begins, and a tracestate without its trace is dropped', async (t) => {
  for (const traceparent of [
    '',
    'garbage',
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra',
  ]) {
    const { headers, record } = await seen(t, { headers: { traceparent, tracestate: 'vendor=1' } })
    assert.notEqual(record.traceId, '0af7651916cd43dd8448eb211c80319c', traceparent)
    assert.equal(headers.traceparent, `00-${record.traceId}-${record.spanId}-01`)
    assert.equal(headers.tracestate, undefined)
  }
})

test('new traces are marked as sampled in the share that is configured', async (t) => {
  const { headers } = await seen(t, {}, { traceRatio: 0 })
  assert.match(String(headers.traceparent), /-00$/)
})
