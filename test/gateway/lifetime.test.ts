import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { gatewayOptions } from '../../gateway/options.ts'
import { ConfigError } from '../../runtime/check.ts'
import { until } from '../services/until.ts'
import { ask, type GatewayInput, openApi, readAnswer, startGateway, startUpstream, toOptions } from './harness.ts'

test('a shutdown lets what is in flight end, and takes nothing new', async (t) => {
  let finish = () => {}
  const upstream = await startUpstream(t, (_, response) => {
    response.write('some')
    finish = () => void response.end(' more')
  })
  const { gateway, url, port, onlyRecord } = await startGateway(t, {
    ...openApi(upstream.url),
    timeouts: { shutdownMs: 10_000 },
  })
  const sent = get(url, { agent: false })
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const closed = gateway[Symbol.asyncDispose]()
  const refused = connect(port, '127.0.0.1')
  assert.equal(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED')
  finish()
  assert.equal((await readAnswer(response)).body, 'some more')
  await closed
  assert.equal((await onlyRecord()).outcome, 'ok')
})

test('at a shutdown idle connections close at once, and used ones with their answer', async (t) => {
  let finish = () => {}
  const upstream = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/quick') response.end()
    else finish = () => void response.end('late')
  })
  const { gateway, url } = await startGateway(t, { ...openApi(upstream.url), timeouts: { shutdownMs: 10_000 } })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const call = async (path: string) => {
    const [response] = (await once(get(`${url}${path}`, { agent }), 'response')) as [IncomingMessage]
    return { connection: response.headers.connection, socket: response.socket, ...(await readAnswer(response)) }
  }
  const quick = await call('/quick')
  assert.equal(quick.connection, 'keep-alive')
  const slow = call('/slow')
  await until(() => gateway.inFlight === 1)
  const idle = connect(Number(new URL(url).port), '127.0.0.1')
  await once(idle, 'connect')
  const closed = gateway[Symbol.asyncDispose]()
  await once(idle.resume(), 'close')
  finish()
  assert.equal((await slow).connection, 'close')
  await closed
})

test('what does not end in time is cut off at a shutdown, and recorded', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.write('some'))
  const { gateway, url, records } = await startGateway(t, { ...openApi(upstream.url), timeouts: { shutdownMs: 50 } })
  const sent = get(url, { agent: false })
  sent.on('error', () => {})
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  await gateway[Symbol.asyncDispose]()
  await assert.rejects(readAnswer(response))
  assert.deepEqual(
    records.map(({ status, outcome }) => `${status} ${outcome}`),
    ['200 gateway_error'],
  )
})

test('a reload serves new requests by the new options; those under way and their connections stay', async (t) => {
  const finish: (() => void)[] = []
  const upstream = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/old/slow') finish.push(() => void response.end('by the old'))
    else response.end(incoming.url)
  })
  const options = (basePath: string): GatewayInput => ({
    apis: [{ name: basePath.slice(1), upstream: upstream.url, auth: 'none', basePath }],
  })
  const { gateway, url, recorded } = await startGateway(t, options('/old'))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const slow = once(get(`${url}/old/slow`, { agent }), 'response') as Promise<[IncomingMessage]>
  await until(() => finish.length === 1)
  gateway.reload(gatewayOptions.parse({ listen: [{ port: 0 }], ...options('/new') }))
  assert.equal((await ask(url, '/new/x')).body, '/new/x')
  assert.equal((await ask(url, '/old/x')).status, 404)
  finish[0]?.()
  const [response] = await slow
  assert.equal((await readAnswer(response)).body, 'by the old')
  const [again] = (await once(get(`${url}/new/y`, { agent }), 'response')) as [IncomingMessage]
  assert.equal((await readAnswer(again)).body, '/new/y')
  assert.deepEqual(
    (await recorded(4)).map(({ api }) => api),
    ['new', '', 'old', 'new'],
  )
})

test('a reload keeps the connections and the health of targets that it does not change, and closes the others', async (t) => {
  let open = 0
  const [kept, left] = [
    await startUpstream(t, (_, response) => void response.end()),
    await startUpstream(t, (_, response) => void response.end()),
  ]
  let connections = 0
  kept.server.on('connection', () => connections++)
  left.server.on('connection', (socket) => {
    open++
    socket.on('close', () => open--)
  })
  const both: GatewayInput['apis'] = [
    { name: 'kept', upstream: kept.url, auth: 'none', basePath: '/kept' },
    { name: 'left', upstream: left.url, auth: 'none', basePath: '/left' },
  ]
  const { gateway, url } = await startGateway(t, { apis: both })
  await ask(url, '/kept')
  await ask(url, '/left')
  assert.equal(open, 1)
  gateway.reload(toOptions({ apis: both.slice(0, 1), region: 'eu' }))
  await ask(url, '/kept')
  assert.equal(connections, 1)
  await until(() => open === 0)
})

test('a reload keeps what was counted against rate limits', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end())
  const input: GatewayInput = openApi(upstream.url, { rateLimit: { requests: 1, per: 'day' } })
  const { gateway, url } = await startGateway(t, input)
  await ask(url, '/')
  gateway.reload(gatewayOptions.parse({ listen: [{ port: 0 }], ...input, region: 'eu' }))
  assert.equal((await ask(url, '/')).status, 429)
})

test('a reload of the same options is none', async (t) => {
  const registry = new Registry()
  const input = { listen: [{ port: 0 }], timeouts: { shutdownMs: 100 } }
  const { gateway } = await startGateway(t, input, { registry })
  gateway.reload(gatewayOptions.parse(input))
  assert.match(await registry.metrics(), /penstock_config_reloads_total\{result="ok"\} 0/)
})

test('a reload that cannot be used changes nothing and is counted', async (t) => {
  const upstream = await startUpstream(t, (_, response) => void response.end('ok'))
  const registry = new Registry()
  const { gateway, url } = await startGateway(t, openApi(upstream.url), { registry })
  const upstreams = { shop: { targets: [{ url: 'https://localhost' }], tls: { caFile: '/nowhere/ca.pem' } } }
  assert.throws(() => gateway.reload(gatewayOptions.parse({ listen: [{ port: 0 }], upstreams })), ConfigError)
  assert.equal((await ask(url, '/')).body, 'ok')
  assert.match(await registry.metrics(), /penstock_config_reloads_total\{result="failed"\} 1/)
})

test('an address that is taken stops the start and says what to do', async (t) => {
  const { port } = await startGateway(t, {})
  await assert.rejects(startGateway(t, { listen: [{ port }] }), /the port is taken\. Choose another one/)
})

test('the gateway tells of itself: requests by outcome, those in flight, targets', async (t) => {
  let finish = () => {}
  const upstream = await startUpstream(t, (incoming, response) => {
    if (incoming.url === '/slow') finish = () => void response.end()
    else response.end()
  })
  const registry = new Registry()
  const { gateway, url, recorded } = await startGateway(
    t,
    { apis: [{ name: 'orders', upstream: upstream.url }] },
    { registry },
  )
  const headers = { 'x-api-key': 'key-acme' }
  await ask(url, '/', { headers })
  await ask(url, '/')
  const slow = ask(url, '/slow', { headers })
  await until(() => gateway.inFlight === 1)
  const page = await registry.metrics()
  assert.match(page, /penstock_gateway_requests_total\{outcome="ok",status_class="2xx"\} 1/)
  assert.match(page, /penstock_gateway_requests_total\{outcome="unauthenticated",status_class="4xx"\} 1/)
  assert.match(page, /penstock_gateway_in_flight_requests 1/)
  assert.match(page, new RegExp(`penstock_upstream_up\\{upstream="[^"]+",target="${upstream.url}"\\} 1`))
  await until(() => upstream.server.listenerCount('request') === 1)
  await until(() => {
    finish()
    return gateway.inFlight === 0
  })
  await slow
  await recorded(3)
})

test('a client that keeps its connection sends many requests on it', async (t) => {
  const upstream = await startUpstream(t, (incoming, response) => void incoming.pipe(response))
  const { url, recorded } = await startGateway(t, openApi(upstream.url))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const sockets = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    const sent = request(url, { agent, method: i % 2 === 0 ? 'GET' : 'POST' })
    sent.end(i % 2 === 0 ? undefined : `body ${i}`)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    sockets.add(response.socket)
    assert.equal((await readAnswer(response)).body, i % 2 === 0 ? '' : `body ${i}`)
  }
  assert.equal(sockets.size, 1)
  await recorded(20)
})
