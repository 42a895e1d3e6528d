import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { type Detail, recordType } from '../../../record/fields.ts'
import { type Ask, ask, type GatewayInput, openApi, startGateway, startUpstream } from '../harness.ts'

const all = { headers: true, bodies: true } as const

/** The detail of one request to `/`, by a gateway that records everything unless it is told otherwise. */
async function detailOf(
  t: TestContext,
  asked: Ask,
  listener: RequestListener,
  more: GatewayInput = {},
): Promise<Detail> {
  const upstream = await startUpstream(t, (request, response) => {
    request.resume().on('end', () => listener(request, response))
  })
  const { url, onlyRecord } = await startGateway(t, { record: all, ...openApi(upstream.url), ...more })
  await ask(url, '/', asked)
  const { detail } = recordType.parse(await onlyRecord())
  assert.ok(detail)
  return detail
}

const ok: RequestListener = (_, response) => void response.end()

test('headers and bodies are recorded as they came and went, without their secrets', async (t) => {
  const detail = await detailOf(
    t,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        authorization: 'Bearer planted-token-1',
        cookie: 'sid=planted-cookie-1',
        'x-api-key': 'planted-key-1',
        'x-two': ['a', 'b'],
        referer: 'https://shop.example/cart?x=planted-query-1',
      },
      body: '{"name":"ada","password":"planted-password-1"}',
    },
    (_, response) => {
      response.writeHead(201, {
        'Content-Type': 'application/json',
        'set-cookie': ['sid=planted-cookie-2', 'b=planted-cookie-3'],
        date: 'today',
      })
      response.end('{"id":7,"session":{"token":"planted-token-2"},"said":"planted-token-1 planted-cookie-2"}')
    },
  )
  const { host, connection, ...requestHeaders } = detail.requestHeaders ?? {}
  assert.deepEqual(requestHeaders, {
    'content-type': 'application/json; charset=utf-8',
    authorization: '[redacted]',
    cookie: '[redacted]',
    'x-api-key': '[redacted]',
    'x-two': 'a, b',
    referer: 'https://shop.example/cart',
    'content-length': '46',
  })
  assert.equal(detail.requestBody, '{"name":"ada","password":"[redacted]"}')
  assert.equal(detail.responseHeaders?.['set-cookie'], '[redacted]')
  assert.equal(detail.responseHeaders?.date, 'today')
  assert.equal(detail.responseBody, '{"id":7,"session":"[redacted]","said":"[redacted] [redacted]"}')
  assert.equal(detail.truncated, undefined)
  assert.equal(detail.omitted, undefined)
  assert.doesNotMatch(JSON.stringify(detail), /planted/)
})

test('only the named headers are recorded, and no body unless it is asked for', async (t) => {
  const headers = { 'x-a': '1', 'x-b': '2' }
  const detail = await detailOf(t, { headers }, ok, { record: { headers: ['X-A', 'authorization'] } })
  assert.deepEqual(detail, { requestHeaders: { 'x-a': '1' }, responseHeaders: {} })
})

test('a body that is larger than asked for is recorded up to there', async (t) => {
  const long = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'äöü'.repeat(100) }
  const detail = await detailOf(
    t,
    long,
    (_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ a: 'x'.repeat(40), password: 'planted' }))
    },
    { record: { headers: false, bodies: true, maxBytes: 63 } },
  )
  assert.equal(detail.requestBody, `${'äöü'.repeat(10)}ä�`)
  assert.equal(detail.responseBody, `{"a":"${'x'.repeat(40)}","password":"[redacted]"`)
  assert.deepEqual(detail.truncated, ['requestBody', 'responseBody'])
})

for (const [coding, encode] of Object.entries({
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
})) {
  test(`a body encoded as ${coding} is recorded decoded, up to the limit`, async (t) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': coding }
    const encoded = { method: 'POST', headers, body: encode('{"password":"planted","a":1}') }
    const detail = await detailOf(
      t,
      encoded,
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': coding })
        response.end(encode(Buffer.alloc(50_000_000, 'x')))
      },
      { record: { headers: false, bodies: true } },
    )
    assert.equal(detail.requestBody, '{"password":"[redacted]","a":1}')
    assert.equal(detail.responseBody, 'x'.repeat(16_384))
    assert.deepEqual(detail.truncated, ['responseBody'])
  })
}

test('a body that is encoded otherwise, is no text, or is of no known kind, is named with its size', async (t) => {
  const cases: [Record<string, string>, Buffer, string][] = [
    [
      { 'content-type': 'application/json', 'content-encoding': 'br, gzip' },
      Buffer.from('{}'),
      'application/json encoded as br, gzip, 2 bytes',
    ],
    [{ 'content-type': 'image/png' }, Buffer.from('\x89PNG'), 'image/png, 5 bytes'],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, Buffer.from('--x'), 'multipart/form-data, 3 bytes'],
    [{ 'content-type': 'text/plain' }, Buffer.from([0, 1, 2]), 'text/plain, not a text in utf-8, 3 bytes'],
    [{ 'content-type': 'text/plain; charset=klingon' }, Buffer.from('a'), 'text/plain, not a text in klingon, 1 bytes'],
    [{}, Buffer.from('a=b'), 'no content type, 3 bytes'],
  ]
  for (const [headers, body, said] of cases) {
    const detail = await detailOf(t, { method: 'POST', headers, body }, ok)
    assert.equal(detail.requestBody, undefined)
    assert.deepEqual(detail.omitted, { requestBody: said })
  }
})

test('a text in another charset is recorded as what it says', async (t) => {
  const headers = { 'content-type': 'application/json; charset=utf-16le' }
  const body = Buffer.from('{"password":"planted","ü":1}', 'utf16le')
  assert.equal(
    (await detailOf(t, { method: 'POST', headers, body }, ok)).requestBody,
    '{"password":"[redacted]","ü":1}',
  )
})

test('what is broken in its coding is recorded as far as it can be read', async (t) => {
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
  const whole = await detailOf(t, { method: 'POST', headers, body: 'no gzip at all' }, ok)
  assert.deepEqual([whole.requestBody, whole.truncated], ['', ['requestBody']])
  const body = gzipSync(JSON.stringify({ list: Array.from({ length: 500 }, (_, i) => ({ i, token: `planted${i}` })) }))
  const cut = await detailOf(t, { method: 'POST', headers, body: body.subarray(0, 1000) }, ok)
  assert.match(cut.requestBody ?? '', /^\{"list":\[\{"i":0,"token":"\[redacted\]"\},/)
  assert.doesNotMatch(cut.requestBody ?? '', /planted/)
})

test('an upstream that echoes everything in a text gives nothing away', async (t) => {
  const secrets = ['planted-token-1', 'planted cookie 1', 'planted-key-1', 'planted-password-1']
  const detail = await detailOf(
    t,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`ada:${secrets[0]}`).toString('base64')}`,
        cookie: `sid=${secrets[1]}`,
        'x-api-key': secrets[2] ?? '',
      },
      body: `password=${secrets[3]}`,
    },
    (_, response) => {
      response.setHeader('content-type', 'text/plain')
      response.end(secrets.map((secret) => `heard ${secret} and ${encodeURIComponent(secret)}`).join('\n'))
    },
  )
  assert.doesNotMatch(JSON.stringify(detail), /planted/)
  assert.match(detail.responseBody ?? '', /heard \[redacted\] and \[redacted\]/)
})

test('what an upstream began to answer before it broke off is not taken for the answer', async (t) => {
  const upstream = await startUpstream(t, (_, response) => {
    response.writeHead(200, { 'content-length': '100', 'content-type': 'text/plain' })
    response.write('the beginning', () => response.destroy())
  })
  const { url, onlyRecord } = await startGateway(t, { record: all, ...openApi(upstream.url) })
  await ask(url, '/').catch(() => {})
  const { detail, status } = await onlyRecord()
  if (status === 502) assert.match(detail?.responseBody ?? '', /^\{"type"/)
  else assert.deepEqual([detail?.responseBody, detail?.truncated], ['the beginning', ['responseBody']])
})

test('addresses, user agents and referers are left out of details, too, where records have none', async (t) => {
  const detail = await detailOf(
    t,
    { headers: { 'user-agent': 'robot/1', referer: 'https://a.example/', 'x-forwarded-for': '198.51.100.7' } },
    (request, response) => {
      response.setHeader('content-type', 'text/plain')
      response.end(`Your address is ${request.headers['x-forwarded-for']}.`)
    },
    {
      trustedProxies: ['127.0.0.1'],
      privacy: { clientIp: 'truncated', userAgent: 'drop', referer: 'drop' },
    },
  )
  const { 'user-agent': agent, referer, 'x-forwarded-for': forwarded } = detail.requestHeaders ?? {}
  assert.deepEqual([agent, referer, forwarded], ['[redacted]', '[redacted]', '[redacted]'])
  assert.equal(detail.responseBody, 'Your address is [redacted], [redacted].')
})

test('further names are redacted where the options say so, and others kept', async (t) => {
  const body = '{"iban":"DE02","card_holder":"Ada","total_tokens":7}'
  const asked = { method: 'POST', headers: { 'content-type': 'application/json', 'X-Tenant': 'mill' }, body }
  const redact = { headers: ['x-tenant'], bodyFields: ['IBAN', 'cardHolder'], keep: ['total_tokens'] }
  const detail = await detailOf(t, asked, ok, { privacy: { redact } })
  assert.equal(detail.requestHeaders?.['x-tenant'], '[redacted]')
  assert.equal(detail.requestBody, '{"iban":"[redacted]","card_holder":"[redacted]","total_tokens":7}')
})

test('the key is redacted wherever the API looks for it', async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    response.setHeader('content-type', 'text/plain')
    response.end(`asked for ${request.url}, with ${request.headers['x-pass-here']} and planted-token-1`)
  })
  const { url, recorded } = await startGateway(t, {
    record: all,
    apis: [{ name: 'orders', upstream: upstream.url, key: { header: 'x-pass-here', query: 'k', forward: true } }],
  })
  await ask(url, '/?token=planted-token-1', { headers: { 'x-pass-here': 'key-acme' } })
  await ask(url, '/?k=key-acme&token=planted-token-1', { headers: { referer: 'https://a.example/?k=key-acme' } })
  const records = await recorded(2)
  assert.equal(records[0]?.detail?.requestHeaders?.['x-pass-here'], '[redacted]')
  assert.doesNotMatch(JSON.stringify(records), /key-acme|planted/)
})
