import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { until } from '../services/until.ts'
import { openApi, startGateway, startUpstream, talk } from './harness.ts'

const slow = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
const webSocket = 'GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n'

/** An upstream that answers `/slow` when it is told to, and everything else at once. */
async function holding(t: TestContext) {
  const held: ServerResponse[] = []
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(request.url ?? '')
    if (request.url === '/slow') held.push(response)
    else response.end('at once')
  })
  return { ...(await startGateway(t, openApi(upstream.url))), held, seen }
}

test('a WebSocket asked for behind a request that is still served is served as a plain request', async (t) => {
  const { port, held, recorded } = await holding(t)
  const answer = talk(t, port, slow + webSocket)
  await until(() => held.length === 1, { what: 'the slow request' })
  held[0]?.end('slow')
  assert.deepEqual((await answer).match(/slow|at once/g), ['slow', 'at once'])
  const records = await recorded(2)
  assert.deepEqual(records.map(({ path, status }) => `${path} ${status}`).sort(), ['/slow 200', '/socket 200'])
})

test('CONNECT behind requests that are still served ends the connection, and each of them leaves its record', async (t) => {
  const { port, held, recorded } = await holding(t)
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  client.on('error', () => {})
  client.write(slow + slow)
  await until(() => held.length === 2, { what: 'the slow requests' })
  client.write('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')
  await once(client, 'close')
  const records = await recorded(2)
  assert.deepEqual(
    records.map(({ path, outcome }) => `${path} ${outcome}`),
    ['/slow client_aborted', '/slow client_aborted'],
  )
})

test('a WebSocket asked for behind a refused request whose body was still to come is not served', async (t) => {
  const { port, seen, recorded } = await holding(t)
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  client.on('error', () => {})
  client.write('POST /a HTTP/1.1\r\nHost: a\r\nExpect: nothing\r\nTransfer-Encoding: chunked\r\n\r\n')
  await once(client, 'data')
  client.write(`0\r\n\r\n${webSocket}`)
  await once(client, 'close')
  await recorded(1)
  assert.deepEqual(seen, [])
})
