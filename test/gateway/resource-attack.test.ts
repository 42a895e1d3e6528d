import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Sendable } from '../../gateway/upstream/carrier.ts'
import { Pool } from '../../gateway/upstream/pool.ts'
import { undiciCarriers } from '../../gateway/upstream/undici.ts'
import { scratchFolder } from '../scratch.ts'
import { makeCertificate } from '../services/certificate.ts'
import { until } from '../services/until.ts'
import { ask, openApi, startGateway, startRawUpstream, startUpstream } from './harness.ts'

test('a body that streams reaches the second target whole when it comes while that target is waited for', async (t) => {
  const refusers: Socket[] = []
  const breaking = await startRawUpstream(t, (socket) => void refusers.push(socket))
  let busy: ServerResponse | undefined
  const good = await startUpstream(t, (request, response) => {
    if (request.url === '/busy') busy = response
    else request.pipe(response)
  })
  const { url, port, gateway } = await startGateway(t, {
    upstreams: { shop: { targets: [{ url: breaking.url }, { url: good.url }], connections: 1 } },
    apis: [{ name: 'orders', upstream: 'shop', auth: 'none' }],
  })
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  let answer = ''
  client.on('data', (chunk) => {
    answer += chunk
  })
  client.write('PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n')
  await until(() => refusers.length === 1, { what: 'the first target' })
  const other = ask(url, '/busy')
  await until(() => busy, { what: 'the second target to be busy' })
  refusers[0]?.destroy()
  client.write('5\r\nfirst\r\n')
  await ask(url, '/nowhere', { headers: { host: '/' } }) // a turn or more of the gateway, in which the chunk was read
  client.write('6\r\nsecond\r\n0\r\n\r\n')
  await ask(url, '/nowhere', { headers: { host: '/' } })
  busy?.end()
  await other
  await once(client, 'close')
  assert.match(answer, /firstsecond/)
  assert.equal(gateway.inFlight, 0)
})

test('a host that is longer than any name is refused', async (t) => {
  const { url } = await startGateway(t, openApi('http://127.0.0.1:9'))
  assert.equal((await ask(url, '/', { headers: { host: 'a.'.repeat(200) } })).status, 400)
})

test('a shutdown does not wait for a TLS handshake that never ends', async (t) => {
  const { certificateFile, keyFile } = await makeCertificate(join(await scratchFolder(t), 'tls'))
  const { gateway, port } = await startGateway(t, {
    ...openApi('http://127.0.0.1:9'),
    listen: [{ port: 0, tls: { certificateFile, keyFile } }],
  })
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  client.on('error', () => {})
  await once(client, 'connect')
  client.write('\x16')
  const shutdown = gateway[Symbol.asyncDispose]()
  try {
    await until(() => client.closed, { what: 'the connection to be closed', timeoutMs: 5_000 })
  } finally {
    client.destroy()
    await shutdown
  }
})

test('an answer with a status that HTTP does not have is a 502', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n'))
  })
  const { url, onlyRecord } = await startGateway(t, openApi(upstream.url))
  assert.equal((await ask(url, '/', { method: 'POST' })).status, 502)
  const { status, outcome } = await onlyRecord()
  assert.deepEqual({ status, outcome }, { status: 502, outcome: 'upstream_error' })
})

test('requests given up while they wait for a connection are forgotten', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const pool = new Pool({ connections: 1, open: undiciCarriers(upstream.url, {}) })
  const waiting: Sendable[] = []
  const queue = (isOver: boolean) => {
    const request: Sendable = {
      options: { path: '/', method: 'GET', headers: [], body: null, upgrade: null, servername: '' },
      carrier: undefined,
      isOver,
      next: undefined,
      queuedAtMs: 0,
      onConnect: (abort) => void t.after(() => abort()),
      onHeaders: () => true,
      onData: () => true,
      onComplete: () => {},
      onUpgrade: () => {},
      onError: () => {},
    }
    waiting.push(request)
    pool.send(request)
  }
  for (let i = 0; i < 5000; i++) queue(i > 0)
  const linked = waiting.filter(({ next }) => next !== undefined).length
  assert.ok(linked <= 1024, `${linked} are kept`)
})
