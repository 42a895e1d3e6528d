import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { ConfigError } from '../../runtime/check.ts'
import { scratchFolder } from '../scratch.ts'
import { type Certificate, makeCertificate } from '../services/certificate.ts'
import { until } from '../services/until.ts'
import { ask, type GatewayInput, openApi, readAnswer, startGateway, startUpstream } from './harness.ts'

async function certificateFor(t: TestContext, name = 'tls'): Promise<Certificate> {
  return await makeCertificate(join(await scratchFolder(t), name))
}

async function secureAsk(url: string, ca: string, headers: Record<string, string> = {}) {
  const sent = request(url, { ca, agent: false, headers })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const presented = (response.socket as TLSSocket).getPeerCertificate().fingerprint256
  return { ...(await readAnswer(response)), presented }
}

/** An https server for localhost that tells what it saw. */
async function startSecureUpstream(t: TestContext, { key, ca }: Certificate) {
  const server = createServer({ key, cert: ca }, (incoming, response) => {
    response.end(JSON.stringify({ name: (incoming.socket as TLSSocket).servername, host: incoming.headers.host }))
  })
  let connections = 0
  server.on('secureConnection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return { port, connections: () => connections }
}

function secureListener({ certificateFile, keyFile }: Certificate): GatewayInput {
  return { listen: [{ port: 0, tls: { certificateFile, keyFile } }] }
}

test('the gateway speaks TLS, and tells the upstream', async (t) => {
  const certificate = await certificateFor(t)
  const upstream = await startUpstream(
    t,
    (incoming, response) => void response.end(incoming.headers['x-forwarded-proto']),
  )
  const { url, onlyRecord } = await startGateway(t, { ...openApi(upstream.url), ...secureListener(certificate) })
  assert.match(url, /^https:/)
  assert.equal((await secureAsk(url, certificate.ca)).body, 'https')
  assert.equal((await onlyRecord()).outcome, 'ok')
})

test('a broken answer over TLS never looks whole', async (t) => {
  const certificate = await certificateFor(t)
  const upstream = await startUpstream(t, (_, response) => {
    response.write('some')
    setImmediate(() => response.destroy())
  })
  const { url, onlyRecord } = await startGateway(t, { ...openApi(upstream.url), ...secureListener(certificate) })
  await assert.rejects(secureAsk(url, certificate.ca))
  assert.equal((await onlyRecord()).outcome, 'upstream_error')
})

test('one gateway listens on several addresses, with and without TLS', async (t) => {
  const certificate = await certificateFor(t)
  const { certificateFile, keyFile } = certificate
  const { gateway } = await startGateway(t, { listen: [{ port: 0 }, { port: 0, tls: { certificateFile, keyFile } }] })
  const [plain = '', secure = ''] = gateway.urls
  assert.equal((await ask(plain, '/')).status, 404)
  assert.equal((await secureAsk(secure, certificate.ca)).status, 404)
})

test('a changed certificate is used for new connections, a broken one is not', async (t) => {
  const [first, second] = [await certificateFor(t, 'first'), await certificateFor(t, 'second')]
  const sentences: string[] = []
  const log = (_: string, sentence: string) => void sentences.push(sentence)
  const { url } = await startGateway(t, secureListener(first), { log })
  const before = await secureAsk(url, first.ca)
  await copyFile(second.keyFile, first.keyFile)
  await until(() => sentences.includes('Changed certificate cannot be used; the one before stays.'))
  assert.equal((await secureAsk(url, first.ca)).presented, before.presented)
  await copyFile(second.certificateFile, first.certificateFile)
  await until(() => sentences.includes('Certificate was read again.'))
  assert.notEqual((await secureAsk(url, second.ca)).presented, before.presented)
})

test('a certificate that cannot be used stops the start and says why', async (t) => {
  const [one, other] = [await certificateFor(t, 'one'), await certificateFor(t, 'other')]
  const tls = { certificateFile: one.certificateFile, keyFile: other.keyFile }
  await assert.rejects(startGateway(t, { listen: [{ port: 0, tls }] }), ConfigError)
  const missing = { ...tls, keyFile: '/nowhere/tls.key' }
  await assert.rejects(startGateway(t, { listen: [{ port: 0, tls: missing }] }), /\/nowhere\/tls\.key/)
})

test('an https upstream is asked under its own name, whatever host the client names, on kept connections', async (t) => {
  const certificate = await certificateFor(t)
  const upstream = await startSecureUpstream(t, certificate)
  const { url } = await startGateway(t, {
    upstreams: {
      shop: { targets: [{ url: `https://localhost:${upstream.port}` }], tls: { caFile: certificate.certificateFile } },
    },
    apis: [{ name: 'orders', upstream: 'shop', auth: 'none', preserveHost: true }],
  })
  for (const host of ['a.example', 'b.example'])
    assert.deepEqual(JSON.parse((await ask(url, '/', { headers: { host } })).body), { name: 'localhost', host })
  assert.equal(upstream.connections(), 1)
})

test('an https upstream by address, or under another name, is checked for that', async (t) => {
  const certificate = await certificateFor(t)
  const upstream = await startSecureUpstream(t, certificate)
  const caFile = certificate.certificateFile
  const targets = [{ url: `https://127.0.0.1:${upstream.port}` }]
  const { url } = await startGateway(t, {
    upstreams: {
      address: { targets, tls: { caFile } },
      named: { targets, tls: { caFile, servername: 'localhost' } },
      wrong: { targets, tls: { caFile, servername: 'shop.example' } },
      unknown: { targets },
      unchecked: { targets, tls: { insecure: true } },
    },
    apis: ['address', 'named', 'wrong', 'unknown', 'unchecked'].map((name) => ({
      name,
      upstream: name,
      auth: 'none' as const,
      basePath: `/${name}`,
    })),
  })
  assert.equal(JSON.parse((await ask(url, '/address')).body).name, false)
  assert.equal(JSON.parse((await ask(url, '/named')).body).name, 'localhost')
  assert.equal((await ask(url, '/wrong')).status, 502)
  assert.equal((await ask(url, '/unknown')).status, 502)
  assert.equal((await ask(url, '/unchecked')).status, 200)
})

test('authorities that cannot be read stop the start and say why', async (t) => {
  const upstreams = { shop: { targets: [{ url: 'https://localhost' }], tls: { caFile: '/nowhere/ca.pem' } } }
  await assert.rejects(startGateway(t, { upstreams }), /\/nowhere\/ca\.pem/)
})
