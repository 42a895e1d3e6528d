import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ask, openApi, startGateway, startRawUpstream, startUpstream, statusOf, talk } from './harness.ts'

/** A gateway before an upstream that notes what reaches it. */
async function guarded(t: TestContext) {
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    request.resume()
    response.end('ok')
  })
  return { ...(await startGateway(t, openApi(upstream.url))), seen }
}

const head = 'POST /a HTTP/1.1\r\nHost: a\r\n'
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'

const attacks: Record<string, string> = {
  'both Content-Length and Transfer-Encoding': `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'Transfer-Encoding before Content-Length': `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${smuggled}`,
  'two Content-Lengths that differ': `${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde${smuggled}`,
  'the same Content-Length twice': `${head}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd${smuggled}`,
  'a list as Content-Length': `${head}Content-Length: 4, 4\r\n\r\nabcd${smuggled}`,
  'a Content-Length with a sign': `${head}Content-Length: +4\r\n\r\nabcd${smuggled}`,
  'a negative Content-Length': `${head}Content-Length: -4\r\n\r\nabcd${smuggled}`,
  'a hexadecimal Content-Length': `${head}Content-Length: 0x4\r\n\r\nabcd${smuggled}`,
  'a Content-Length beyond all numbers': `${head}Content-Length: 99999999999999999999999\r\n\r\nabcd${smuggled}`,
  'a transfer coding other than chunked': `${head}Transfer-Encoding: gzip\r\n\r\nabcd${smuggled}`,
  'a transfer coding before chunked': `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'a transfer coding after chunked': `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunked twice': `${head}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'two Transfer-Encodings': `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunked in quotes': `${head}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunked with HTTP/1.0': `POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'a space before the colon': `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'a tab before the colon': `${head}Content-Length\t: 4\r\n\r\nabcd${smuggled}`,
  'a folded header': `${head}X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'a header that begins with a space': `POST /a HTTP/1.1\r\n Host: a\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a bare line feed after a header': `POST /a HTTP/1.1\nHost: a\nContent-Length: 0\n\n${smuggled}`,
  'a bare line feed between headers': `${head}X-A: b\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a bare carriage return in a header': `${head}X-A: b\rX-C: d\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a zero byte in a header': `${head}X-A: b\0c\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a header without a colon': `${head}Chunked\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a header without a name': `${head}: x\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a chunk size that is no number': `${head}Transfer-Encoding: chunked\r\n\r\nz\r\nabc\r\n0\r\n\r\n${smuggled}`,
  'a chunk size with a sign': `${head}Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n${smuggled}`,
  'a chunk size with a prefix': `${head}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n${smuggled}`,
  'a chunk size that overflows': `${head}Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n${smuggled}`,
  'a chunk longer than it says': `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n${smuggled}`,
  'a chunk size that ends in a bare line feed': `${head}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n${smuggled}`,
  'a chunk that ends in a bare line feed': `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n${smuggled}`,
  'a space in a chunk size': `${head}Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n${smuggled}`,
  'a bare carriage return in a chunk extension': `${head}Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n${smuggled}`,
  'two Host headers': `GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${smuggled}`,
  'the same Host twice': `GET /a HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n${smuggled}`,
  'no Host': `GET /a HTTP/1.1\r\nX-A: b\r\n\r\n${smuggled}`,
  'a Host with a path': `GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n${smuggled}`,
  'a Host with a user': `GET /a HTTP/1.1\r\nHost: user@a\r\n\r\n${smuggled}`,
  'a Host with a space': `GET /a HTTP/1.1\r\nHost: a b\r\n\r\n${smuggled}`,
  'another host in the request line': `GET http://b/a HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'another port in the request line': `GET http://a:81/a HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'a scheme that is none of ours': `GET ftp://a/a HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'a request target that is neither path nor URL': `GET a HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'a request for the whole server': `OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'a space in the path': `GET /a b HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'a method that is none': `GE\tT /a HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
  'an unknown version': `GET /a HTTP/3.7\r\nHost: a\r\n\r\n${smuggled}`,
  'no version': `GET /a\r\nHost: a\r\n\r\n${smuggled}`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03',
}

for (const [name, attack] of Object.entries(attacks)) {
  test(`${name}: refused, the connection closed, and nothing behind it is served`, async (t) => {
    const { port, seen, records } = await guarded(t)
    const answer = await talk(t, port, attack)
    assert.equal(statusOf(answer), 400, answer)
    assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, 'one answer only')
    assert.match(answer, /connection: close/i)
    assert.ok(!seen.some((line) => line.includes('smuggled')))
    assert.deepEqual(
      records.map(({ status, outcome }) => `${status} ${outcome}`),
      ['400 client_error'],
    )
  })
}

test('a connection that was refused is told what is wrong', async (t) => {
  const { port } = await guarded(t)
  const answer = await talk(t, port, attacks['two Content-Lengths that differ'] ?? '')
  assert.match(answer, /application\/problem\+json/)
  assert.match(answer, /Check what sends it/)
})

test('the record of what is no request tells what can be known', async (t) => {
  const { port, onlyRecord } = await guarded(t)
  await talk(t, port, 'PATCH /orders/7?x=1 HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n')
  const { method, path, endpoint, clientIp, status } = await onlyRecord()
  assert.deepEqual(
    { method, path, endpoint, clientIp, status },
    {
      method: 'PATCH',
      path: '/orders/7',
      endpoint: '{unmatched}',
      clientIp: '127.0.0.1',
      status: 400,
    },
  )
})

test('CONNECT is refused: the gateway is no forward proxy', async (t) => {
  const { port, onlyRecord } = await guarded(t)
  assert.equal(statusOf(await talk(t, port, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')), 405)
  assert.equal((await onlyRecord()).method, 'CONNECT')
})

test('TRACE is refused, even where every method passes', async (t) => {
  const { url, onlyRecord } = await startGateway(t, openApi('http://127.0.0.1:1'))
  const answer = await ask(url, '/', { method: 'TRACE' })
  assert.equal(answer.status, 405)
  assert.match(answer.headers.allow ?? '', /GET/)
  assert.equal((await onlyRecord()).tries, 0)
})

test('well-formed chunks with extensions and trailers pass', async (t) => {
  const { port, seen, onlyRecord } = await guarded(t)
  const body = '3;name="v"\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n'
  const answer = await talk(t, port, `${head}Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n${body}`)
  assert.equal(statusOf(answer), 200)
  assert.deepEqual(seen, ['POST /a'])
  assert.equal((await onlyRecord()).bytesIn, 3)
})

test('requests behind one another on a connection are answered in their order', async (t) => {
  const { port, seen, recorded } = await guarded(t)
  const [one, two, last] = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n`)
  const answer = await talk(t, port, `${one}\r\n${two}\r\n${last}Connection: close\r\n\r\n`)
  assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 3)
  assert.deepEqual(seen.sort(), ['GET /1', 'GET /2', 'GET /3'])
  await recorded(3)
})

test('a request before one that is refused is still answered', async (t) => {
  const { port } = await guarded(t)
  const answer = await talk(t, port, `GET /first HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n`)
  assert.equal(statusOf(answer), 200)
})

test('an answer with another transfer coding than chunked is not passed on without it', async (t) => {
  for (const coding of ['gzip, chunked', 'gzip', 'Chunked']) {
    const upstream = await startRawUpstream(t, (socket) => {
      socket.once('data', () =>
        socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`),
      )
    })
    const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
    assert.equal((await ask(url, '/', { method: 'POST' })).status, coding === 'Chunked' ? 200 : 502, coding)
    assert.equal((await onlyRecord()).outcome, coding === 'Chunked' ? 'ok' : 'upstream_error')
  }
})

test('an upstream whose answer has both lengths is not believed', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', () =>
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
      ),
    )
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  assert.equal((await ask(url, '/', { method: 'POST' })).status, 502)
  assert.equal((await onlyRecord()).outcome, 'upstream_error')
})

test('an interim answer that nobody asked for is skipped by our own client', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n')
      socket.end('HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const { url } = await startGateway(t, {
    upstreams: { shop: { client: 'lean', targets: [{ url: upstream.url }] } },
    apis: [{ name: 'orders', upstream: 'shop', auth: 'none' }],
  })
  const { status, body } = await ask(url, '/', { method: 'POST' })
  assert.deepEqual({ status, body }, { status: 201, body: 'ok' })
})
