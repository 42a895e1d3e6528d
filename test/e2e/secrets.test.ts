import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { until } from '../services/until.ts'
import type { SystemConfig } from './config.ts'
import { runPenstock } from './process.ts'
import { everythingHeld } from './searched.ts'
import { openSystem, type System, withLogs } from './system.ts'

/** Sent as credentials; no spelling of these may be found anywhere. */
const secrets = {
  password: 'PlantedPasswordXQ91',
  cookie: 'PlantedCookieXQ92',
  token: 'PlantedTokenXQ93',
  card: '4111111111111111',
  field: 'PlantedFieldXQ94',
  address: '198.51.100.77',
}
/** Sent as nothing in particular: where it is not found, nothing was recorded. */
const marker = 'PlainMarkerXQ95'

test('no secret of a request is found in any sink, dead letter, log, spool or buffer', async (t) => {
  const upstream = await listen(t, echo)
  const refusing = await listen(t, (_, response) => void response.writeHead(400).end('no'))
  let pumpUrl = ''
  const change = (config: SystemConfig) => {
    pumpUrl = `http://127.0.0.1:${config.pump.admin.port}`
    return changed(config, upstream, refusing)
  }
  await using system = await openSystem(t, { rawDocuments: 1000, otlpBlockRecords: 10, change })
  await withLogs(system, async () => {
    await sendAll(system)
    await system.drain()
    const letters = await until(async () => await deadLetters(system), { what: 'dead letters', timeoutMs: 60_000 })
    const metrics = await (await fetch(`${pumpUrl}/metrics`)).text()
    await system.pump.stop()
    const held = { ...(await everythingHeld(system)), letters, metrics }
    for (const place of ['clickhouse', 'mongo', 'otlp', 'store', 'files', 'spool', 'redis', 'letters'] as const)
      assert.ok(held[place].includes(marker), `${place} holds what was recorded`)
    for (const [place, text] of Object.entries(held)) {
      for (const [name, secret] of Object.entries({ ...secrets, key: system.key }))
        assert.ok(!text.toLowerCase().includes(secret.toLowerCase()), `the ${name} is found in ${place}`)
    }
  })
})

/** Everything recorded in detail; one sink that refuses each record, and one that is never there, so that the log keeps all of them. */
function changed(config: SystemConfig, upstreamUrl: string, refusingUrl: string): object {
  return {
    ...config,
    log: { level: 'debug' },
    gateway: {
      ...config.gateway,
      upstreams: { replayed: { targets: [{ url: upstreamUrl }] } },
      privacy: { clientIp: 'pseudonymised', secret: 'of sixteen or more', redact: { bodyFields: ['nickname'] } },
      record: { headers: true, bodies: true },
    },
    sinks: {
      ...config.sinks,
      refused: { type: 'otlp', url: refusingUrl, metrics: false },
      down: { type: 'otlp', url: 'http://127.0.0.1:1' },
    },
  }
}

async function sendAll({ gatewayUrl, key }: System): Promise<void> {
  const { password, cookie, token, card, field, address } = secrets
  const about = {
    note: marker,
    user: { password, cards: [{ cardNumber: card }] },
    nickname: field,
    said: `Bearer ${token}`,
  }
  const bodies: Record<string, string> = {
    'application/json': JSON.stringify(about),
    'application/x-www-form-urlencoded': `note=${marker}&password=${password}&payload=${encodeURIComponent(JSON.stringify(about))}`,
    'text/plain': `${marker}\npassword: ${password}\nCookie: sid=${cookie}\ncard ${card}`,
    'application/xml': `<a note="${marker}"><password>${password}</password><nickname>${field}</nickname></a>`,
    'application/octet-stream': JSON.stringify(about),
  }
  const common = { cookie: `sid=${cookie}`, referer: `http://a.example/?token=${token}`, 'x-forwarded-for': address }
  const asked: Promise<Response>[] = []
  for (const [type, body] of Object.entries(bodies)) {
    for (const credentials of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }, { 'x-api-key': token }]) {
      for (const path of [`/any/${type}`, `/broken?token=${token}`]) {
        const headers = { ...common, ...credentials, 'content-type': type }
        asked.push(fetch(`${gatewayUrl}${path}`, { method: 'POST', headers, body }))
      }
    }
  }
  for (const answer of await Promise.all(asked)) await answer.arrayBuffer().catch(() => {}) // some break off
}

/** Repeats all that it is told, as upstreams do in their errors, and gives out secrets of its own. */
const echo: RequestListener = async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  if (request.url?.startsWith('/broken')) return void response.destroy()
  const body = Buffer.concat(chunks).toString()
  response.writeHead(200, {
    'content-type': request.url?.includes('json') ? 'application/json' : 'text/plain',
    'set-cookie': `sid=${secrets.cookie}; HttpOnly`,
  })
  response.end(JSON.stringify({ note: marker, headers: request.headers, body, access_token: secrets.token }))
}

async function deadLetters({ configFile }: System): Promise<string | false> {
  const listed = await runPenstock('dead', 'list', 'refused', '--config', configFile, '--limit', '1000')
  const ids = listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => String(JSON.parse(line).id))
  if (ids.length === 0) return false
  return listed + (await runPenstock('dead', 'show', 'refused', ...ids, '--config', configFile))
}

async function listen(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // a TCP server that listens
}
