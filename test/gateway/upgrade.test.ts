import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { until } from '../services/until.ts'
import { ask, openApi, readAnswer, startGateway, startUpstream, type TestServer, talk } from './harness.ts'

/** Accepts every WebSocket and sends back what comes. */
async function startEcho(t: TestContext): Promise<TestServer & { readonly seen: IncomingMessage[] }> {
  const upstream = await startUpstream(t, (_, response) => void response.end('plain'))
  const seen: IncomingMessage[] = []
  upstream.server.on('upgrade', (incoming, socket) => {
    seen.push(incoming)
    const accept = createHash('sha1').update(
      `${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
    )
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept.digest('base64')}\r\nX-Made: yes\r\n\r\n`,
    )
    socket.on('error', () => {})
    socket.pipe(socket)
    t.after(() => socket.destroy())
  })
  return { ...upstream, seen }
}

const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

async function upgrade(
  t: TestContext,
  url: string,
  headers: Record<string, string> = {},
): Promise<[IncomingMessage, Socket, Buffer]> {
  const sent = request(url, { headers: { ...handshake, ...headers }, agent: false, path: '/socket' })
  sent.end()
  const [response, socket, head] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket, Buffer]
  t.after(() => socket.destroy())
  return [response, socket, head]
}

test('a WebSocket passes, and its record is there when it begins', async (t) => {
  const upstream = await startEcho(t)
  const { url, onlyRecord } = await startGateway(t, { apis: [{ name: 'chat', upstream: upstream.url }] })
  const [response, socket] = await upgrade(t, url, { 'x-api-key': 'key-acme' })
  assert.equal(response.statusCode, 101)
  assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  assert.equal(response.headers['x-made'], 'yes')
  assert.equal(response.headers.upgrade, 'websocket')
  socket.write('ping')
  assert.equal(String((await once(socket, 'data'))[0]), 'ping')
  const { status, outcome, consumer, path, tries } = await onlyRecord()
  assert.deepEqual(
    { status, outcome, consumer, path, tries },
    { status: 101, outcome: 'ok', consumer: 'acme', path: '/socket', tries: 1 },
  )
  assert.equal(upstream.seen[0]?.headers['x-api-key'], undefined)
  assert.equal(upstream.seen[0]?.headers['x-forwarded-for'], '127.0.0.1')
})

test('when one side of a WebSocket ends, so does the other', async (t) => {
  const upstream = await startEcho(t)
  const { url } = await startGateway(t, openApi(upstream.url))
  const [, first] = await upgrade(t, url)
  const [, second] = await upgrade(t, url)
  const closed = once(second, 'close')
  second.resume()
  upstream.seen[1]?.socket.end()
  await closed
  first.destroy()
  await until(() => upstream.seen.every(({ socket }) => socket.destroyed))
})

test('WebSockets count against the requests that may be served at once', async (t) => {
  const upstream = await startEcho(t)
  const { url } = await startGateway(t, { ...openApi(upstream.url), limits: { concurrency: 1 } })
  const [, socket] = await upgrade(t, url)
  assert.equal((await ask(url, '/')).status, 503)
  socket.destroy()
  await until(async () => (await ask(url, '/')).status === 200, { what: 'the place of the WebSocket' })
})

test('a WebSocket on which nothing passes is closed on both sides', async (t) => {
  const upstream = await startEcho(t)
  const { url } = await startGateway(t, { ...openApi(upstream.url), timeouts: { tunnelIdleMs: 50 } })
  const [, socket] = await upgrade(t, url)
  socket.on('error', () => {})
  socket.resume()
  await until(() => socket.destroyed && upstream.seen[0]?.socket.destroyed, { what: 'both sides to be closed' })
})

test('much data passes a WebSocket both ways unchanged', async (t) => {
  const upstream = await startEcho(t)
  const { url } = await startGateway(t, openApi(upstream.url))
  const [, socket] = await upgrade(t, url)
  const sent = Buffer.alloc(2_000_000, 'abcdefghij')
  socket.write(sent)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of socket) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= sent.length) break
  }
  assert.ok(Buffer.concat(chunks).equals(sent))
})

test('a WebSocket that may not pass is refused like any request', async (t) => {
  const upstream = await startEcho(t)
  const { port, onlyRecord } = await startGateway(t, { apis: [{ name: 'chat', upstream: upstream.url }] })
  const lines = Object.entries({ host: 'a', ...handshake }).map(([name, value]) => `${name}: ${value}\r\n`)
  const answer = await talk(t, port, `GET /socket HTTP/1.1\r\n${lines.join('')}\r\n`)
  assert.match(answer, /^HTTP\/1\.1 401 /)
  assert.match(answer, /connection: close/i)
  assert.equal((await onlyRecord()).outcome, 'unauthenticated')
  assert.equal(upstream.seen.length, 0)
})

test('an upstream that answers a WebSocket otherwise has its answer passed on', async (t) => {
  const upstream = await startUpstream(t, (_, response) => {
    response.writeHead(426, { 'x-why': 'old' })
    response.end('x'.repeat(300_000))
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const sent = request(url, { headers: handshake, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 426)
  assert.equal((await readAnswer(response)).body.length, 300_000)
  assert.equal((await onlyRecord()).status, 426)
})

test('an upstream that cannot be reached for a WebSocket is a 502', async (t) => {
  const upstream = await startUpstream(t, () => {})
  upstream.server.close()
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const sent = request(url, { headers: handshake, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 502)
  response.resume()
  assert.equal((await onlyRecord()).outcome, 'upstream_unreachable')
})

test('an offer of another protocol is ignored, and the request served as it is', async (t) => {
  const upstream = await startEcho(t)
  const { url } = await startGateway(t, openApi(upstream.url))
  const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' }
  const answer = await ask(url, '/', { headers })
  assert.equal(answer.status, 200)
  assert.equal(answer.body, 'plain')
})
