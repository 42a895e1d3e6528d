import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { until } from '../services/until.ts'
import { ask, openApi, readAnswer, startGateway, startRawUpstream, startUpstream, statusOf, talk } from './harness.ts'

async function echo(incoming: IncomingMessage): Promise<string> {
  return (await readAnswer(incoming)).body
}

test('a body that says that it is too large is refused before it is read', async (t) => {
  let requests = 0
  const upstream = await startUpstream(t, () => void requests++)
  const { port, onlyRecord } = await startGateway(t, { ...openApi(upstream.url), limits: { bodyBytes: 1000 } })
  const answer = await talk(t, port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n')
  assert.equal(statusOf(answer), 413)
  assert.match(answer, /connection: close/i)
  assert.match(answer, /larger than the 1000 bytes/)
  assert.equal((await onlyRecord()).outcome, 'client_error')
  assert.equal(requests, 0)
})

test('a body in chunks that turns out too large is refused when it does', async (t) => {
  const upstream = await startUpstream(t, (incoming) => {
    incoming.on('error', () => {})
    incoming.resume()
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url, { bodyBytes: 100_000 }))
  const sent = request(url, { method: 'POST', agent: false })
  sent.on('error', () => {})
  for (let i = 0; i < 4; i++) sent.write(Buffer.alloc(30_000))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 413)
  assert.equal(response.headers.connection, 'close')
  const record = await onlyRecord()
  assert.equal(record.outcome, 'client_error')
  assert.ok(record.bytesIn > 100_000)
})

test('a body of exactly the limit passes', async (t) => {
  const upstream = await startUpstream(t, async (incoming, response) => {
    response.end(String((await echo(incoming)).length))
  })
  const { url } = await startGateway(t, openApi(upstream.url, { bodyBytes: 70_000 }))
  for (const headers of [{ 'content-length': '70000' }, { 'transfer-encoding': 'chunked' }])
    assert.equal((await ask(url, '/', { method: 'POST', headers, body: 'x'.repeat(70_000) })).body, '70000')
})

test('a connection goes on after a refused request whose small body was thrown away', async (t) => {
  const { port, recorded } = await startGateway(t, {})
  const answer = await talk(
    t,
    port,
    'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  assert.equal(answer.match(/HTTP\/1\.1 404/g)?.length, 2)
  await recorded(2)
})

test('a client that is refused in mid-upload gets to read why', async (t) => {
  const { port } = await startGateway(t, {})
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.write('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n')
  for (let i = 0; i < 40; i++) socket.write(Buffer.alloc(100_000))
  await until(() => answer.includes('}'))
  assert.equal(statusOf(answer), 404)
})

test('a client that waits for leave to send its body gets it when it may', async (t) => {
  const upstream = await startUpstream(t, async (incoming, response) => {
    response.end(`${incoming.headers.expect} ${await echo(incoming)}`)
  })
  const { url, onlyRecord } = await startGateway(t, { apis: [{ name: 'orders', upstream: upstream.url }] })
  const headers = { expect: '100-continue', 'content-length': '5', 'x-api-key': 'key-acme' }
  const sent = request(url, { method: 'POST', agent: false, headers })
  sent.flushHeaders()
  await once(sent, 'continue')
  sent.end('hello')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal((await readAnswer(response)).body, 'undefined hello')
  assert.equal((await onlyRecord()).outcome, 'ok')
})

test('a client that waits for leave and may not pass is told so at once', async (t) => {
  const { port, onlyRecord } = await startGateway(t, { apis: [{ name: 'orders', upstream: 'http://127.0.0.1:1' }] })
  const answer = await talk(t, port, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  assert.equal(statusOf(answer), 401)
  assert.match(answer, /connection: close/i)
  assert.equal((await onlyRecord()).status, 401)
})

test('another expectation is refused', async (t) => {
  const { url, onlyRecord } = await startGateway(t, openApi('http://127.0.0.1:1'))
  assert.equal((await ask(url, '/', { headers: { expect: 'the-unexpected' } })).status, 417)
  assert.equal((await onlyRecord()).path, '/')
})

test('a head that is too large is refused with 431', async (t) => {
  const { port, onlyRecord } = await startGateway(t, { limits: { headerBytes: 2048 } })
  const answer = await talk(t, port, `GET /a HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(3000)}\r\n\r\n`)
  assert.equal(statusOf(answer), 431)
  const { status, outcome, method, path } = await onlyRecord()
  assert.deepEqual(
    { status, outcome, method, path },
    { status: 431, outcome: 'client_error', method: 'GET', path: '/a' },
  )
})

test('no header is dropped in silence, however many there are', async (t) => {
  const upstream = await startUpstream(t, (incoming, response) => void response.end(incoming.headers['x-last']))
  upstream.server.maxHeadersCount = 0
  const { port } = await startGateway(t, { ...openApi(upstream.url), limits: { headerBytes: 65_536 } })
  const many = Array.from({ length: 2500 }, (_, i) => `A${i}: b\r\n`).join('')
  const answer = await talk(t, port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${many}X-Last: here\r\n\r\n`)
  assert.match(answer, /\r\n\r\nhere$/)
})

test('a head that comes too slowly is refused with 408', async (t) => {
  const { port, onlyRecord } = await startGateway(t, { timeouts: { headMs: 100 } })
  const answer = await talk(t, port, 'GET /slow HTTP/1.1\r\nHost:')
  assert.equal(statusOf(answer), 408)
  assert.equal((await onlyRecord()).outcome, 'client_error')
})

test('a connection without any request leaves no record', async (t) => {
  const { port, records } = await startGateway(t, { timeouts: { headMs: 100 } })
  assert.equal(await talk(t, port, ''), '')
  assert.deepEqual(records, [])
})

test('a body that stops coming is refused with 408, whether it is small or streams', async (t) => {
  const upstream = await startUpstream(t, (incoming) => {
    incoming.on('error', () => {})
    incoming.resume()
  })
  const { port, recorded } = await startGateway(t, { ...openApi(upstream.url), timeouts: { idleMs: 100 } })
  for (const length of ['10', '1000000']) {
    const answer = await talk(t, port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nhello`)
    assert.equal(statusOf(answer), 408)
  }
  for (const { status, outcome, bytesIn } of await recorded(2))
    assert.deepEqual({ status, outcome, bytesIn }, { status: 408, outcome: 'client_error', bytesIn: 5 })
})

test('a body that is broken in the middle ends the request on both sides', async (t) => {
  let wasCut = false
  const upstream = await startUpstream(t, (incoming) => {
    incoming.on('error', () => {
      wasCut = true
    })
    incoming.resume()
  })
  const { port, gateway, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await until(() => gateway.inFlight === 1)
  socket.write('nonsense\r\n')
  await once(socket, 'close')
  assert.equal(statusOf(answer), 400)
  assert.equal((await onlyRecord()).status, 400)
  await until(() => wasCut || upstream.server.listenerCount('request') === 1)
})

for (const framing of ['Content-Length: 1000', 'Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
  test(`a body that comes too slowly is refused, however steadily it comes (${framing})`, async (t) => {
    const upstream = await startUpstream(t, (incoming) => void incoming.resume())
    const { port, onlyRecord } = await startGateway(t, {
      ...openApi(upstream.url),
      timeouts: { bodyMs: 100 },
      limits: { bodyBytesPerSecond: 10_000 },
    })
    const client = connect(port, '127.0.0.1')
    t.after(() => client.destroy())
    client.on('error', () => {})
    client.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    const timer = setInterval(() => client.write(framing.startsWith('T') ? '1\r\nx\r\n' : 'x'), 10)
    t.after(() => clearInterval(timer))
    const [answer] = await once(client, 'data')
    assert.equal(statusOf(String(answer)), 408)
    const { status, outcome } = await onlyRecord()
    assert.deepEqual({ status, outcome }, { status: 408, outcome: 'client_error' })
  })
}

test('an upstream that stops reading a body is a 504 after its own time, not the client’s', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => void socket.pause())
  const { url, onlyRecord } = await startGateway(t, {
    ...openApi(upstream.url, { routes: [{ path: '/{all*}', idleMs: 100 }], bodyBytes: 1e9 }),
    timeouts: { idleMs: 3_600_000, bodyMs: 3_600_000 },
  })
  const headers = { 'content-length': '200000000' }
  const sent = request(url, { method: 'POST', agent: false, headers })
  sent.on('error', () => {})
  const chunk = Buffer.alloc(1_000_000)
  const more = () => {
    while (!sent.destroyed && sent.write(chunk));
  }
  sent.on('drain', more)
  more()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  sent.off('drain', more)
  assert.equal(response.statusCode, 504)
  assert.equal((await onlyRecord()).outcome, 'upstream_timeout')
  sent.destroy()
})
