import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type AdminOptions, openAdmin } from '../../runtime/admin.ts'
import { ConfigError } from '../../runtime/check.ts'
import type { Log } from '../../runtime/log.ts'

async function admin(t: TestContext, overrides: Partial<AdminOptions> = {}) {
  const logged: string[] = []
  const log: Log = (level, sentence) => logged.push(`${level} ${sentence}`)
  const opened = await openAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    healthz: () => ({ ok: true }),
    readyz: () => ({ ok: true }),
    metrics: (format) => [`# as ${format}\n`],
    log,
    ...overrides,
  })
  t.after(() => opened[Symbol.asyncDispose]())
  return { ...opened, get: (path: string, init?: RequestInit) => fetch(opened.url + path, init), logged }
}

test('a probe that is ok answers 200 with its facts', async (t) => {
  const { get } = await admin(t, { readyz: async () => ({ ok: true, facts: { buffer: 'reachable' } }) })
  const answer = await get('/readyz')
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.deepEqual(await answer.json(), { status: 'ok', buffer: 'reachable' })
})

test('a probe that is not ok answers 503 and says why', async (t) => {
  const { get } = await admin(t, { healthz: () => ({ ok: false, facts: { loop: 'stuck' } }) })
  const answer = await get('/healthz')
  assert.equal(answer.status, 503)
  assert.deepEqual(await answer.json(), { status: 'unavailable', loop: 'stuck' })
})

test('alive and ready are asked apart', async (t) => {
  const { get } = await admin(t, { readyz: () => ({ ok: false }) })
  assert.equal((await get('/healthz')).status, 200)
  assert.equal((await get('/readyz')).status, 503)
})

test('a scraper that takes OpenMetrics gets it, another one text', async (t) => {
  const { get } = await admin(t)
  const prometheus =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const open = await get('/metrics', { headers: { accept: prometheus } })
  assert.equal(open.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  assert.equal(await open.text(), '# as openmetrics\n')
  const plain = await get('/metrics', { headers: { accept: '*/*' } })
  assert.equal(plain.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(await plain.text(), '# as text\n')
})

test('a page of many slices arrives whole', async (t) => {
  const slices = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(1000)}\n`)
  const { get } = await admin(t, { metrics: () => slices })
  assert.equal(await (await get('/metrics')).text(), slices.join(''))
})

test('a scraper that takes gzip gets it, one that forbids it does not', async (t) => {
  const { url } = await admin(t)
  assert.equal(gunzipSync((await raw(`${url}/metrics`, 'gzip, deflate')).body).toString(), '# as text\n')
  assert.equal((await raw(`${url}/metrics`, 'gzip;q=0')).body.toString(), '# as text\n')
})

test('any other path is not found', async (t) => {
  const { get } = await admin(t)
  for (const path of ['/', '/metrics/', '/admin', '/%zz']) assert.equal((await get(path)).status, 404, path)
})

test('the query of a request is passed over', async (t) => {
  const { get } = await admin(t)
  assert.equal((await get('/healthz?verbose=1')).status, 200)
})

test('another method than GET and HEAD is refused by name', async (t) => {
  const { get } = await admin(t)
  const answer = await get('/metrics', { method: 'POST', body: 'x' })
  assert.equal(answer.status, 405)
  assert.equal(answer.headers.get('allow'), 'GET, HEAD')
})

test('HEAD gets the head alone', async (t) => {
  const { get } = await admin(t)
  for (const path of ['/metrics', '/healthz']) {
    const answer = await get(path, { method: 'HEAD' })
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), '')
  }
})

test('a handler that throws is answered with 500, logged, and the server goes on', async (t) => {
  const { get, logged } = await admin(t, {
    healthz: () => {
      throw new Error('broken')
    },
    metrics: () => {
      throw new Error('broken')
    },
    readyz: () => Promise.reject(new Error('broken')),
  })
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    const answer = await get(path)
    assert.equal(answer.status, 500)
    assert.doesNotMatch(await answer.text(), /broken/)
  }
  assert.deepEqual(logged, Array(3).fill('error Admin request failed.'))
  assert.equal((await get('/nothing')).status, 404)
})

test('a first slice that cannot be made is answered with 500', async (t) => {
  const { get } = await admin(t, {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
    metrics: async function* () {
      throw new Error('broken')
    },
  })
  assert.equal((await get('/metrics')).status, 500)
})

test('a page that breaks in the middle is cut off and never taken for a whole one', async (t) => {
  const { get, logged } = await admin(t, {
    metrics: function* () {
      yield 'a 1\n'.repeat(50_000)
      throw new Error('broken')
    },
  })
  await assert.rejects(async () => (await get('/metrics')).text())
  assert.deepEqual(logged, ['error Admin request failed.'])
})

test('a scraper that does not wait for the first slice is nobody’s fault', { timeout: 10_000 }, async (t) => {
  const asked = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const { get, logged } = await admin(t, {
    metrics: async function* () {
      asked.resolve()
      await gone.promise
      try {
        yield 'a 1\n'
      } finally {
        ended.resolve()
      }
    },
  })
  const impatient = new AbortController()
  const answer = get('/metrics', { signal: impatient.signal })
  await asked.promise
  impatient.abort()
  await assert.rejects(answer)
  assert.equal((await get('/healthz')).status, 200) // by now the server knows that the scraper is gone
  gone.resolve()
  await ended.promise
  assert.equal((await get('/healthz')).status, 200)
  assert.deepEqual(logged, [])
})

test('a port that is taken is named, with what to do', async (t) => {
  const { url } = await admin(t)
  const port = Number(new URL(url).port)
  await assert.rejects(
    admin(t, { listen: { host: '127.0.0.1', port } }),
    (error) => error instanceof ConfigError && error.message.includes(`127.0.0.1:${port}: the port is taken`),
  )
})

test('it may be closed twice, and no connection keeps it open', async (t) => {
  const { url, get, ...opened } = await admin(t)
  await (await get('/healthz')).text() // leaves a connection that is kept alive
  await opened[Symbol.asyncDispose]()
  await opened[Symbol.asyncDispose]()
  await assert.rejects(fetch(`${url}/healthz`))
})

/** The body as it went over the wire: fetch would unpack it. */
async function raw(url: string, encoding: string): Promise<{ body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ body: Buffer }>()
  request(url, { headers: { 'accept-encoding': encoding } }, async (response) => {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    resolve({ body: Buffer.concat(chunks) })
  })
    .on('error', reject)
    .end()
  return await promise
}
