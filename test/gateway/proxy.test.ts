import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { ask, openApi, readAnswer, startGateway, startRawUpstream, startUpstream } from './harness.ts'

test('a request goes to the upstream and its answer comes back whole', async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    response.writeHead(201, { 'x-made': 'yes', 'set-cookie': ['a=1', 'b=2'] })
    response.end(`${request.method} ${request.url}`)
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const answer = await ask(url, '/orders/42?expand=lines&x', { method: 'DELETE' })
  assert.equal(answer.status, 201)
  assert.equal(answer.body, 'DELETE /orders/42?expand=lines&x')
  assert.equal(answer.headers['x-made'], 'yes')
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
  const record = await onlyRecord()
  assert.equal(record.status, 201)
  assert.equal(record.outcome, 'ok')
  assert.equal(record.path, '/orders/42')
  assert.equal(record.upstream, upstream.url)
  assert.equal(record.tries, 1)
})

test('a small body reaches the upstream with its length', async (t) => {
  const upstream = await startUpstream(t, async (request, response) => {
    const { body } = await readAnswer(request)
    response.end(`${request.headers['content-length']} ${request.headers['transfer-encoding']} ${body}`)
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const answer = await ask(url, '/orders', { method: 'POST', headers: { 'content-length': '5' }, body: 'hello' })
  assert.equal(answer.body, '5 undefined hello')
  assert.equal((await onlyRecord()).bytesIn, 5)
})

test('a body in chunks goes on in chunks', async (t) => {
  const upstream = await startUpstream(t, async (request, response) => {
    const { body } = await readAnswer(request)
    response.end(`${request.headers['content-length']} ${request.headers['transfer-encoding']} ${body}`)
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const answer = await ask(url, '/orders', {
    method: 'PUT',
    headers: { 'transfer-encoding': 'chunked' },
    body: 'hello',
  })
  assert.equal(answer.body, 'undefined chunked hello')
  assert.equal((await onlyRecord()).bytesIn, 5)
})

test('large bodies pass both ways unchanged', async (t) => {
  const sent = Buffer.alloc(3_000_000, 'abcdefghij')
  const upstream = await startUpstream(t, (request, response) => void request.pipe(response))
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const answer = await ask(url, '/echo', {
    method: 'POST',
    headers: { 'content-length': String(sent.length) },
    body: sent,
  })
  assert.ok(answer.body === sent.toString())
  const record = await onlyRecord()
  assert.equal(record.bytesIn, sent.length)
  assert.equal(record.bytesOut, sent.length)
})

test('HEAD, 204 and 304 have no body', async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    const status = Number(request.url?.slice(1))
    response.writeHead(status, status === 200 ? { 'content-length': '1000' } : {})
    response.end(request.method === 'HEAD' || status !== 200 ? undefined : 'x'.repeat(1000))
  })
  const { url, recorded } = await startGateway(t, openApi(upstream.url))
  const head = await ask(url, '/200', { method: 'HEAD' })
  assert.equal(head.headers['content-length'], '1000')
  assert.equal(head.body, '')
  for (const status of [204, 304]) {
    const answer = await ask(url, `/${status}`)
    assert.equal(answer.status, status)
    assert.equal(answer.body, '')
    assert.equal(answer.headers['transfer-encoding'], undefined)
  }
  assert.deepEqual(
    (await recorded(3)).map(({ bytesOut }) => bytesOut),
    [0, 0, 0],
  )
})

test('an event reaches the client while the upstream goes on', async (t) => {
  let next = () => {}
  const upstream = await startUpstream(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    next = () => void response.end('data: 2\n\n')
  })
  const { url } = await startGateway(t, openApi(upstream.url))
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  const [first] = await once(response, 'data')
  assert.equal(String(first), 'data: 1\n\n')
  next()
  const [second] = await once(response, 'data')
  assert.equal(String(second), 'data: 2\n\n')
})

test('the head of an answer reaches the client before any body', async (t) => {
  let finish = () => {}
  const upstream = await startUpstream(t, (_, response) => {
    response.flushHeaders()
    finish = () => void response.end('late')
  })
  const { url } = await startGateway(t, openApi(upstream.url))
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  finish()
  assert.equal((await readAnswer(response)).body, 'late')
})

test('an answer that ends with its connection is passed on as whole', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end'))
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  assert.equal((await ask(url, '/')).body, 'until the end')
  assert.equal((await onlyRecord()).outcome, 'ok')
})

test('early hints do not count as the answer', async (t) => {
  const upstream = await startUpstream(t, (_, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    response.end('whole')
  })
  const { url } = await startGateway(t, openApi(upstream.url))
  const answer = await ask(url, '/')
  assert.equal(answer.status, 200)
  assert.equal(answer.body, 'whole')
})

test('a 304 that says how long the unchanged body is passes', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 3\r\n\r\n'))
  })
  const { url, recorded } = await startGateway(t, openApi(upstream.url))
  for (let i = 0; i < 2; i++) {
    const { status, headers, body } = await ask(url, '/', { headers: { 'if-none-match': '"a"' } })
    assert.deepEqual([status, headers.etag, body], [304, '"a"', ''])
  }
  for (const { status, outcome } of await recorded(2)) assert.deepEqual([status, outcome], [304, 'ok'])
})

test('connections to the upstream are kept and used again', async (t) => {
  let connections = 0
  const upstream = await startUpstream(t, (_, response) => void response.end('ok'))
  upstream.server.on('connection', () => connections++)
  const { url, recorded } = await startGateway(t, openApi(upstream.url))
  for (let i = 0; i < 5; i++) await ask(url, '/')
  await recorded(5)
  assert.equal(connections, 1)
})

test('the path of a target is put before that of the request, and a base path can be taken off', async (t) => {
  const upstream = await startUpstream(t, (request, response) => void response.end(request.url))
  const { url } = await startGateway(t, {
    apis: [
      { name: 'a', upstream: `${upstream.url}/inner/`, auth: 'none', basePath: '/a', stripBasePath: true },
      { name: 'b', upstream: upstream.url, auth: 'none', basePath: '/b' },
    ],
  })
  assert.equal((await ask(url, '/a/x?y=1')).body, '/inner/x?y=1')
  assert.equal((await ask(url, '/a')).body, '/inner/')
  assert.equal((await ask(url, '/b/x')).body, '/b/x')
})
