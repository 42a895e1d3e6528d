import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Registry } from 'prom-client'
import type { RequestRecord } from '../../record/fields.ts'
import { freePort } from '../services/port.ts'
import { until } from '../services/until.ts'
import { ask, type GatewayInput, startGateway, startRawUpstream, startUpstream, type TestServer } from './harness.ts'

type UpstreamInput = NonNullable<GatewayInput['upstreams']>[string]

/** One open API in front of targets. */
function over(
  targets: readonly (string | { url: string; weight: number })[],
  more: Partial<UpstreamInput> = {},
): GatewayInput {
  return {
    upstreams: {
      shop: { targets: targets.map((target) => (typeof target === 'string' ? { url: target } : target)), ...more },
    },
    apis: [{ name: 'orders', upstream: 'shop', auth: 'none' }],
  }
}

async function named(t: TestContext, name: string): Promise<TestServer> {
  return await startUpstream(t, (_, response) => void response.end(name))
}

async function refusing(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}

function ends({ status, outcome, tries, upstream }: RequestRecord, names: Record<string, string>): string {
  return `${status} ${outcome} ${tries} ${names[upstream]}`
}

test('targets take turns by their weight, evenly spread', async (t) => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { url } = await startGateway(
    t,
    over([
      { url: a.url, weight: 3 },
      { url: b.url, weight: 1 },
    ]),
  )
  let turns = ''
  for (let i = 0; i < 8; i++) turns += (await ask(url, '/')).body
  assert.equal(turns, 'aabaaaba')
})

test('a request goes to another target when the first cannot be reached', async (t) => {
  const [bad, good] = [await refusing(), await named(t, 'good')]
  const { url, recorded } = await startGateway(t, over([bad, good.url]))
  assert.equal(
    (await ask(url, '/', { method: 'POST', body: 'once' })).body,
    'good',
    'nothing was sent, so nothing is done twice',
  )
  const [record] = await recorded(1)
  assert.ok(record)
  assert.equal(ends(record, { [good.url]: 'good' }), '200 ok 2 good')
})

test('a body that streams goes to another target as long as nothing of it was sent', async (t) => {
  const bad = await refusing()
  const good = await startUpstream(t, (request, response) => void request.pipe(response))
  const { url } = await startGateway(t, over([bad, good.url]))
  const body = 'x'.repeat(100_000)
  assert.ok((await ask(url, '/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body })).body === body)
})

test('a target that breaks off before its answer is replaced for what can be done twice', async (t) => {
  let broken = 0
  const bad = await startRawUpstream(t, (socket) => {
    socket.once('data', () => {
      broken++
      socket.destroy()
    })
  })
  const good = await named(t, 'good')
  const { url, recorded } = await startGateway(t, over([bad.url, good.url], { failures: 100 }))
  assert.equal((await ask(url, '/', { method: 'PUT', body: 'same' })).body, 'good')
  assert.equal((await ask(url, '/')).body, 'good', 'its turn')
  assert.equal((await ask(url, '/')).body, 'good')
  assert.equal(broken, 2)
  await ask(url, '/')
  const post = await ask(url, '/', { method: 'POST', body: 'once' })
  assert.equal(post.status, 502, 'it may have been done already')
  const names = { [good.url]: 'good', [bad.url]: 'bad' }
  assert.deepEqual(
    (await recorded(5)).map((record) => ends(record, names)),
    ['200 ok 2 good', '200 ok 1 good', '200 ok 2 good', '200 ok 1 good', '502 upstream_error 1 bad'],
  )
})

test('a slow target is replaced for what can be done twice', async (t) => {
  const slow = await startUpstream(t, () => {})
  const good = await named(t, 'good')
  const { url, recorded } = await startGateway(t, over([slow.url, good.url], { responseMs: 50 }))
  assert.equal((await ask(url, '/')).body, 'good')
  assert.equal((await recorded(1))[0]?.tries, 2)
})

test('a request is tried twice at most', async (t) => {
  const targets = [await refusing(), await refusing(), await refusing()]
  const { url, onlyRecord } = await startGateway(t, over(targets))
  assert.equal((await ask(url, '/')).status, 502)
  assert.equal((await onlyRecord()).tries, 2)
})

test('nothing is tried again once an answer has begun', async (t) => {
  let requests = 0
  const bad = await startRawUpstream(t, (socket) => {
    socket.once('data', () => {
      requests++
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome', () =>
        setImmediate(() => socket.resetAndDestroy()),
      )
    })
  })
  const { url, onlyRecord } = await startGateway(t, over([bad.url, bad.url.replace('127.0.0.1', 'localhost')]))
  await assert.rejects(async () => {
    const { status } = await ask(url, '/')
    assert.equal(status, 502)
    throw new Error('answered as broken')
  })
  assert.equal((await onlyRecord()).tries, 1)
  assert.equal(requests, 1)
})

test('a connection that the target closed while it was kept costs no request', async (t) => {
  let connections = 0
  const upstream = await startRawUpstream(t, (socket) => {
    connections++
    let requests = 0
    socket.on('data', () => {
      requests++
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.destroy() // it had closed, and the request crossed that on its way
    })
  })
  const { url, recorded } = await startGateway(t, over([upstream.url]))
  assert.equal((await ask(url, '/')).body, 'ok')
  assert.equal((await ask(url, '/')).body, 'ok')
  assert.equal(connections, 2)
  assert.deepEqual(
    (await recorded(2)).map(({ tries, outcome }) => `${tries} ${outcome}`),
    ['1 ok', '2 ok'],
  )
})

test('retries are no more than a fifth of the requests', async (t) => {
  let tries = 0
  const bad = await startRawUpstream(t, (socket) => {
    socket.once('data', () => {
      tries++
      socket.destroy()
    })
  })
  const { url, recorded } = await startGateway(t, over([bad.url, `${bad.url}/other`], { failures: 1000 }))
  for (let i = 0; i < 100; i++) await ask(url, '/')
  await recorded(100)
  assert.ok(tries <= 100 + 10 + 20, `${tries} tries for 100 requests`)
  assert.ok(tries >= 115, `${tries} tries for 100 requests`)
})

test('a target that keeps failing is skipped, tried by one request after a while, and taken back when it answers', async (t) => {
  const port = await freePort()
  const bad = `http://127.0.0.1:${port}`
  const good = await named(t, 'good')
  const registry = new Registry()
  const { url, recorded } = await startGateway(t, over([bad, good.url], { failures: 2, skipMs: 200 }), { registry })
  const isUp = async () =>
    /penstock_upstream_up\{[^}]*target="(http:[^"]*)"[^}]*\} ([01])/g.exec(await registry.metrics())?.[2]
  assert.equal(await isUp(), '1')
  await until(async () => {
    await ask(url, '/')
    return (await isUp()) === '0'
  })
  const { length } = await recorded(1)
  for (let i = 0; i < 5; i++) await ask(url, '/')
  assert.deepEqual(
    (await recorded(length + 5)).slice(length).map(({ tries, upstream }) => `${tries} ${upstream}`),
    Array(5).fill(`1 ${good.url}`),
  )
  const { createServer } = await import('node:http')
  const back = createServer((_, response) => void response.end('back'))
  back.listen(port, '127.0.0.1')
  await once(back, 'listening')
  t.after(() => {
    back.closeAllConnections()
    back.close()
  })
  await until(async () => (await ask(url, '/')).body === 'back')
  assert.equal(await isUp(), '1')
})

test('when every target is down, requests go there all the same', async (t) => {
  const port = await freePort()
  const { url } = await startGateway(
    t,
    over([`http://127.0.0.1:${port}`, await refusing()], { failures: 1, skipMs: 60_000 }),
  )
  for (let i = 0; i < 4; i++) assert.equal((await ask(url, '/')).status, 502)
  const { createServer } = await import('node:http')
  const back = createServer((_, response) => void response.end('back'))
  back.listen(port, '127.0.0.1')
  await once(back, 'listening')
  t.after(() => {
    back.closeAllConnections()
    back.close()
  })
  await until(async () => (await ask(url, '/')).body === 'back')
})

test('statuses can count as failures of a target', async (t) => {
  const bad = await startUpstream(t, (_, response) => {
    response.statusCode = 503
    response.end('bad')
  })
  const good = await named(t, 'good')
  const { url } = await startGateway(
    t,
    over([bad.url, good.url], { failures: 1, skipMs: 60_000, failureStatuses: [503] }),
  )
  const bodies = []
  for (let i = 0; i < 4; i++) bodies.push((await ask(url, '/')).body)
  assert.deepEqual(bodies, ['bad', 'good', 'good', 'good'])
})

test('more requests than hot connections are all served, and more connections come only as they wait', async (t) => {
  let open = 0
  let most = 0
  const answers: (() => void)[] = []
  const upstream = await startUpstream(t, (_, response) => void answers.push(() => void response.end('ok')))
  upstream.server.on('connection', (socket) => {
    open++
    most = Math.max(most, open)
    socket.on('close', () => open--)
  })
  const { url, gateway } = await startGateway(t, over([upstream.url], { connections: 100 }))
  const asked = Array.from({ length: 150 }, () => ask(url, '/'))
  await until(() => gateway.inFlight === 150 && answers.length === 100)
  assert.equal(most, 100, 'no more than the configured number')
  await until(() => {
    for (const answer of answers.splice(0)) answer()
    return gateway.inFlight === 0
  })
  for (const { body } of await Promise.all(asked)) assert.equal(body, 'ok')
  assert.ok(most <= 100)
})
