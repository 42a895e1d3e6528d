import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { until } from '../services/until.ts'
import { ask, startGateway, startUpstream } from './harness.ts'

/** Numbers that look random and are the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
}

/** What an upstream may do to a request. */
const deeds: ((incoming: IncomingMessage, response: ServerResponse) => void)[] = [
  (_, response) => response.end('whole'),
  (incoming, response) => void incoming.pipe(response),
  (_, response) => response.end(Buffer.alloc(300_000)),
  (_, response) => void response.writeHead(204).end(),
  (_, response) => {
    response.write('some')
    setImmediate(() => response.end('more'))
  },
  (incoming) => void incoming.socket.destroy(),
  (_, response) => {
    response.write('some')
    setImmediate(() => response.destroy())
  },
  (_, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('short')
    setImmediate(() => response.socket?.resetAndDestroy())
  },
  (incoming) => void incoming.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello'),
  (incoming) => void incoming.socket.end('nonsense\r\n\r\n'),
  () => {},
  (_, response) => void response.writeHead(500, { connection: 'close' }).end(Buffer.alloc(100_000)),
]

test('whatever clients and upstreams do, each request leaves one record and the gateway goes on', async (t) => {
  const pick = numbers(7)
  const upstream = await startUpstream(t, (incoming, response) => {
    incoming.on('error', () => {})
    response.on('error', () => {})
    if (incoming.url === '/honest') response.end('here')
    else deeds[Number(incoming.url?.slice(1)) % deeds.length]?.(incoming, response)
  })
  const { url, port, gateway, records } = await startGateway(t, {
    upstreams: {
      odd: {
        targets: [{ url: upstream.url }, { url: `${upstream.url}/` }],
        responseMs: 150,
        idleMs: 150,
        connections: 20,
      },
    },
    apis: [{ name: 'odd', upstream: 'odd', auth: 'none', bodyBytes: 150_000 }],
    timeouts: { idleMs: 150 },
  })
  const rounds = 600
  const sockets = new Set<Socket>()
  const clients: (() => Promise<unknown>)[] = [
    () => ask(url, `/${pick(100)}`, { method: ['GET', 'HEAD', 'DELETE'][pick(3)] ?? 'GET' }),
    () => ask(url, `/${pick(100)}`, { method: 'POST', body: Buffer.alloc(pick(3) * 60_000, 'x') }),
    () =>
      ask(url, `/${pick(100)}`, {
        method: 'PUT',
        headers: { 'transfer-encoding': 'chunked' },
        body: Buffer.alloc(pick(3) * 100_000),
      }),
    async () => {
      const sent = request(url, {
        path: `/${pick(100)}`,
        method: 'POST',
        agent: false,
        headers: { 'content-length': '100000' },
      })
      sent.on('error', () => {})
      sent.write(Buffer.alloc(pick(50_000)))
      await once(sent, 'socket')
      setImmediate(() => sent.destroy())
    },
    async () => {
      const socket = connect(port, '127.0.0.1')
      sockets.add(socket)
      socket.on('error', () => {})
      socket.write(`GET /${pick(100)} HTTP/1.1\r\nHost: a\r\n\r\nGET /${pick(100)} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await once(socket, 'connect')
      if (pick(2) === 0) setImmediate(() => socket.resetAndDestroy())
      else socket.on('data', () => socket.destroy())
    },
  ]
  for (let i = 0; i < rounds; i += 30) {
    await Promise.allSettled(Array.from({ length: 30 }, () => clients[pick(clients.length)]?.()))
  }
  for (const socket of sockets) socket.destroy()
  await until(() => gateway.inFlight === 0)
  assert.equal((await ask(url, '/honest')).body, 'here')
  await until(() => gateway.inFlight === 0)
  const ids = new Set(records.map(({ id }) => id))
  assert.equal(ids.size, records.length)
  assert.ok(records.length > rounds * 0.8 && records.length <= rounds * 2 + 1, `${records.length} records`)
  for (const { outcome, status, totalUs, gatewayUs } of records) {
    assert.ok(status >= 100 && status <= 599 && outcome !== 'gateway_error', `${status} ${outcome}`)
    assert.ok(gatewayUs <= totalUs)
  }
})
