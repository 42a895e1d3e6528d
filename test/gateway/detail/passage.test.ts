import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { BodyCapture, capturedBytesMax } from '../../../gateway/detail/body-capture.ts'
import { until } from '../../services/until.ts'
import { ask, openApi, startGateway, startRawUpstream, startUpstream } from '../harness.ts'

const record = { headers: true, bodies: true } as const

test('events are passed on one by one, and nothing of them is recorded', async (t) => {
  let send = (_: string) => {}
  const upstream = await startUpstream(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'Text/Event-Stream; charset=utf-8' })
    send = (text) => void response.write(text)
    send('data: 1\n\n')
  })
  const { url, onlyRecord } = await startGateway(t, { record, ...openApi(upstream.url) })
  const sent = request(url, { agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(String((await once(response, 'data'))[0]), 'data: 1\n\n')
  send('data: 2\n\n')
  assert.equal(String((await once(response, 'data'))[0]), 'data: 2\n\n')
  response.destroy()
  assert.equal((await onlyRecord()).detail, null)
})

test('nothing of a WebSocket is recorded', async (t) => {
  const upstream = await startUpstream(t, () => {})
  upstream.server.on('upgrade', (_, socket) => {
    t.after(() => socket.destroy())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
  })
  const { port, onlyRecord } = await startGateway(t, { record, ...openApi(upstream.url) })
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await once(client, 'data')
  const { status, detail } = await onlyRecord()
  assert.deepEqual({ status, detail }, { status: 101, detail: null })
})

test('a large body streams through both ways while its beginning is recorded', async (t) => {
  const size = 20_000_000
  const upstream = await startUpstream(t, (incoming, response) => {
    response.setHeader('content-type', 'text/plain')
    incoming.pipe(response)
  })
  const { url, onlyRecord } = await startGateway(t, {
    record,
    ...openApi(upstream.url),
    limits: { bodyBytes: 2 * size },
  })
  const headers = { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' }
  const answer = await ask(url, '/', { method: 'POST', headers, body: Buffer.alloc(size, 'x') })
  assert.equal(answer.body.length, size)
  const { detail, bytesIn, bytesOut } = await onlyRecord()
  assert.deepEqual([bytesIn, bytesOut], [size, size])
  assert.deepEqual([detail?.requestBody?.length, detail?.responseBody?.length], [16_384, 16_384])
  assert.deepEqual(detail?.truncated, ['requestBody', 'responseBody'])
})

test('a client that leaves in the middle of its body leaves a record with what came', async (t) => {
  const upstream = await startUpstream(t, (incoming) => void incoming.resume())
  const { port, gateway, recorded } = await startGateway(t, { record, ...openApi(upstream.url) })
  const client = connect(port, '127.0.0.1')
  client.on('error', () => {})
  client.write(
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"a":1,"password":"plan',
  )
  await until(() => gateway.inFlight === 1, { what: 'the request' })
  await ask(`http://127.0.0.1:${port}`, '/', { headers: { host: '/' } }) // a turn in which the body was read
  client.destroy()
  const { outcome, detail } = (await recorded(2))[1] ?? assert.fail('There is one record.')
  assert.equal(outcome, 'client_aborted')
  assert.equal(detail?.requestBody, '{"a":1,"password":"[redacted]"')
  assert.deepEqual(detail?.truncated, ['requestBody'])
})

test('an answer that breaks off leaves a record with what came', async (t) => {
  let breakOff = () => {}
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"list":[1,')
      breakOff = () => socket.resetAndDestroy()
    })
  })
  const { url, onlyRecord } = await startGateway(t, { record, ...openApi(upstream.url) })
  const sent = request(url, { agent: false })
  sent.on('error', () => {})
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  await once(response, 'data')
  breakOff()
  const { outcome, detail } = await onlyRecord()
  assert.equal(outcome, 'upstream_error')
  assert.deepEqual([detail?.responseBody, detail?.truncated], ['{"list":[1,', ['responseBody']])
})

test('what is held of a body is bounded, whatever its chunks, and let go of', () => {
  const held = { bytes: 0 }
  const capture = new BodyCapture(10_000, held)
  for (let i = 0; i < 30_000; i++) capture.take(Buffer.from('x'))
  assert.equal(capture.bytes.toString(), 'x'.repeat(10_000))
  assert.ok(capture.isCut)
  assert.ok(held.bytes <= 10_000)
  capture.release()
  capture.take(Buffer.from('more'))
  assert.deepEqual([held.bytes, capture.bytes.length], [0, 0])
})

test('when all bodies together hold as much as they may, further ones are cut', () => {
  const held = { bytes: capturedBytesMax }
  const capture = new BodyCapture(10_000, held)
  capture.take(Buffer.from('x'))
  assert.deepEqual([capture.bytes.length, capture.isCut, held.bytes], [0, true, capturedBytesMax])
})
