import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { until } from '../services/until.ts'
import { ask, openApi, readAnswer, startGateway, startRawUpstream, startUpstream } from './harness.ts'

test('300 clients vanish in mid-answer; the next one is answered as if they had never been', async (t) => {
  const chunk = Buffer.alloc(256 * 1024)
  const upstream = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/honest') return void response.end('here')
    if (incoming.url === '/stall') return void response.write('some')
    const more = () => {
      while (!response.destroyed && response.write(chunk)); // until client and gateway take no more
    }
    response.on('drain', more)
    more()
  })
  const { gateway, url, port, recorded } = await startGateway(t, {
    upstreams: { files: { targets: [{ url: upstream.url }], connections: 64 } },
    apis: [{ name: 'files', upstream: 'files', auth: 'none' }],
  })
  for (let round = 1; round <= 3; round++) {
    const sockets = Array.from({ length: 100 }, (_, index) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET ${index % 10 === 0 ? '/flood' : '/stall'} HTTP/1.1\r\nHost: a\r\n\r\n`)
      return socket.pause()
    })
    await until(() => gateway.inFlight === 100) // 64 are being answered, the rest waits for a connection
    for (const socket of sockets) socket.destroy()
    await recorded(100 * round)
  }
  assert.equal((await ask(url, '/honest')).body, 'here')
  const records = await recorded(301)
  assert.equal(records.length, 301)
  assert.deepEqual([...new Set(records.slice(0, 300).map(({ outcome }) => outcome))], ['client_aborted'])
})

test('a client that leaves before the head leaves a 499, and the upstream is told', async (t) => {
  const waiting: ServerResponse[] = []
  const upstream = await startUpstream(t, (_, response) => void waiting.push(response))
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const sent = get(url, { agent: false })
  sent.on('error', () => {})
  const response = await until(() => waiting[0])
  sent.destroy()
  if (!response.destroyed) await once(response, 'close')
  const { status, outcome, bytesOut } = await onlyRecord()
  assert.deepEqual({ status, outcome, bytesOut }, { status: 499, outcome: 'client_aborted', bytesOut: 0 })
})

test('a client that leaves in mid-answer keeps the status that it was told', async (t) => {
  const upstream = await startUpstream(t, (_, response) => {
    response.writeHead(206)
    response.write('some')
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const sent = get(url, { agent: false })
  sent.on('error', () => {})
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  await once(response, 'data')
  sent.destroy()
  const { status, outcome, bytesOut } = await onlyRecord()
  assert.deepEqual({ status, outcome, bytesOut }, { status: 206, outcome: 'client_aborted', bytesOut: 4 })
})

test('a client that leaves in mid-upload leaves a record, and the upstream is told', async (t) => {
  let isCut = false
  const upstream = await startUpstream(t, (incoming) => {
    incoming.on('error', () => {
      isCut = true
    })
    incoming.resume()
  })
  const { url, gateway, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const sent = request(url, { method: 'POST', agent: false, headers: { 'content-length': '1000000' } })
  sent.on('error', () => {})
  sent.write(Buffer.alloc(200_000))
  await until(() => gateway.inFlight === 1)
  await until(() => upstream.server.listenerCount('request') === 1)
  sent.destroy()
  const record = await onlyRecord()
  assert.equal(record.status, 499)
  assert.equal(record.outcome, 'client_aborted')
  await until(() => isCut || record.tries === 0)
})

test('an upstream that breaks off its answer breaks the client’s, which never looks whole', async (t) => {
  for (const [head, name] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', 'of a known length'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n', 'in chunks'],
  ] as const) {
    const upstream = await startRawUpstream(t, (socket) => {
      socket.once('data', () => {
        socket.write(`${head}some`, () => setImmediate(() => socket.resetAndDestroy()))
      })
    })
    const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
    await assert.rejects(ask(url, '/', { method: 'POST' }), { code: 'ECONNRESET' }, name)
    const { status, outcome } = await onlyRecord()
    assert.ok(outcome === 'upstream_error', name)
    assert.ok(status === 200 || status === 502, 'whether a part of the answer was out already')
  }
})

test('a broken answer to an HTTP/1.0 client ends in a reset, as its length is told by the end alone', async (t) => {
  let breakOff = () => {}
  const upstream = await startRawUpstream(t, (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome'))
    breakOff = () => void socket.resetAndDestroy()
  })
  const { port, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET / HTTP/1.0\r\n\r\n')
  const error = once(socket, 'error')
  await once(socket, 'data')
  breakOff()
  assert.equal(((await error)[0] as NodeJS.ErrnoException).code, 'ECONNRESET')
  assert.equal((await onlyRecord()).outcome, 'upstream_error')
})

test('an upstream that falls silent in mid-answer is given up after its time', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.write('some'))
  const { url, onlyRecord } = await startGateway(
    t,
    openApi(upstream.url, { routes: [{ path: '/{all*}', idleMs: 50 }] }),
  )
  await assert.rejects(ask(url, '/'), { code: 'ECONNRESET' })
  const { status, outcome } = await onlyRecord()
  assert.deepEqual({ status, outcome }, { status: 200, outcome: 'upstream_timeout' })
})

test('a client that does not take its answer is given up after a time', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end(Buffer.alloc(50_000_000)))
  const { port, onlyRecord } = await startGateway(
    t,
    openApi(upstream.url, { routes: [{ path: '/{all*}', idleMs: 200 }] }),
  )
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  socket.pause()
  const { status, outcome } = await onlyRecord()
  assert.deepEqual({ status, outcome }, { status: 200, outcome: 'client_aborted' })
})

test('a slow client slows the upstream down instead of filling the memory', async (t) => {
  const chunk = Buffer.alloc(64 * 1024)
  const totalBytes = 600 * chunk.length
  let sentBytes = 0
  const upstream = await startUpstream(t, (_, response) => {
    const more = () => {
      while (sentBytes < totalBytes) {
        sentBytes += chunk.length
        if (!response.write(chunk)) return
      }
      response.end()
    }
    response.on('drain', more)
    more()
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  response.pause()
  await still(() => sentBytes)
  assert.ok(sentBytes < totalBytes / 2, `${sentBytes} bytes were sent to a client that takes none`)
  let receivedBytes = 0
  for await (const part of response) receivedBytes += (part as Buffer).length
  assert.equal(receivedBytes, totalBytes)
  assert.equal((await onlyRecord()).bytesOut, totalBytes)
})

/** Resolves when a number has stopped growing. */
async function still(count: () => number): Promise<void> {
  let last = -1
  const isStill = () => {
    const before = last
    last = count()
    return last > 0 && last === before
  }
  await until(isStill, { everyMs: 100 })
}

test('a slow upstream slows the client down instead of filling the memory', async (t) => {
  let isAsked = false
  const upstream = await startUpstream(t, (message) => {
    isAsked = true
    message.pause()
  })
  const totalBytes = 40_000_000
  const { url } = await startGateway(t, { ...openApi(upstream.url), limits: { bodyBytes: totalBytes } })
  const sent = request(url, { method: 'POST', agent: false })
  sent.on('error', () => {})
  let writtenBytes = 0
  const chunk = Buffer.alloc(64 * 1024)
  const more = () => {
    while (writtenBytes < totalBytes) {
      writtenBytes += chunk.length
      if (!sent.write(chunk)) return
    }
  }
  sent.on('drain', more)
  more()
  await until(() => isAsked)
  await still(() => writtenBytes)
  assert.ok(writtenBytes < totalBytes / 2, `${writtenBytes} bytes were taken for an upstream that takes none`)
  sent.destroy()
})

test('an answer that comes before the end of the body is passed on', async (t) => {
  const upstream = await startUpstream(t, (_, response) => {
    response.writeHead(403, { connection: 'close' })
    response.end('no need to go on')
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  const sent = request(url, { method: 'POST', agent: false, headers: { 'content-length': '9000000' } })
  sent.on('error', () => {})
  sent.write('beginning')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 403)
  assert.equal((await readAnswer(response)).body, 'no need to go on')
  assert.equal(response.headers.connection, 'close')
  assert.equal((await onlyRecord()).outcome, 'client_error')
})
