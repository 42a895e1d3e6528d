import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import { createUsageApi, type UsageApiOptions } from '../../usage/api.ts'
import { usageResult } from '../../usage/result.ts'
import { aFolder, always, openIn } from '../sinks/store/place.ts'

const nine = Date.UTC(2026, 10, 21, 9)

/** An API over a store with three calls of acme, one of them failed, and one of globex. */
async function anApi(t: TestContext, options: Partial<UsageApiOptions> = {}) {
  const { store, append } = await openIn(t, await aFolder(t))
  const at = { ts: (nine - 60_000) * 1000, totalUs: 10_000 }
  await append(
    [
      aRecord(at),
      aRecord(at),
      aRecord({ ...at, status: 503 }),
      aRecord({ ...at, consumer: 'globex', endpoint: 'POST /orders' }),
    ],
    { appendedAtMs: nine },
  )
  const api = createUsageApi({ store, scope: { org: 'default' }, log: noLog, now: () => nine, ...options })
  return { get: (path: string, accept = '*/*') => api.request(path, { headers: { accept } }), store, append }
}

test('usage is told by dimension, with all others and the total', async (t) => {
  const { get } = await anApi(t)
  const response = await get('/v1/usage?by=consumer&metric=calls,failed,success_rate&limit=1')
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/json')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.deepEqual(await response.json(), {
    from: '2026-11-21T08:00:00.000Z',
    to: '2026-11-21T09:00:00.000Z',
    as_of: '2026-11-21T09:00:00.000Z',
    metrics: ['calls', 'failed', 'success_rate'],
    by: ['consumer'],
    rows: [{ consumer: 'acme', calls: 3, failed: 1, success_rate: 1 - 1 / 3 }],
    other: { groups: 1, calls: 1, failed: 0, success_rate: 1 },
    total: { calls: 4, failed: 1, success_rate: 0.75 },
    coverage: { complete: true, complete_from: null, sampled: false },
  })
})

for (const [what, path, accept, type] of [
  ['by the Accept header', '/v1/usage?by=consumer', 'text/csv', 'text/csv; charset=utf-8'],
  [
    'by the first type of several',
    '/v1/usage',
    'text/html, application/x-ndjson;q=0.9, application/json',
    'application/x-ndjson; charset=utf-8',
  ],
  ['by the parameter, whatever is accepted', '/v1/usage?format=csv', 'application/json', 'text/csv; charset=utf-8'],
  ['as JSON where nothing is said', '/v1/usage', '*/*', 'application/json'],
] as const) {
  test(`the form of the answer is chosen ${what}`, async (t) => {
    const { get } = await anApi(t)
    const response = await get(path, accept)
    assert.equal(response.headers.get('content-type'), type)
    assert.match(response.headers.get('vary') ?? '', /accept/)
  })
}

test('every wrong parameter is named, with what was probably meant', async (t) => {
  const { get } = await anApi(t)
  const response = await get('/v1/usage?by=endpont&metrc=calls&limit=0')
  assert.equal(response.status, 400)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  const problem = (await response.json()) as { errors: { parameter: string; message: string }[] } // as problemType says
  assert.deepEqual(problem.errors, [
    { parameter: 'by', message: 'There is no dimension "endpont". Did you mean "endpoint"?' },
    { parameter: 'limit', message: 'limit is a whole number from 1 to 1000.' },
    { parameter: 'metrc', message: 'There is no parameter "metrc". Did you mean "metric"?' },
  ])
})

for (const path of [
  '/v1/usage?last=1h&from=2026-11-20',
  '/v1/usage?by=api&by=host',
  '/v1/usage?format=xml',
  '/v1/usage?filter=%00',
]) {
  test(`${path} is answered with a problem`, async (t) => {
    const { get } = await anApi(t)
    const response = await get(path)
    assert.equal(response.status, 400)
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
  })
}

test('a question that takes too long is given up, and the answer says what to ask instead', async (t) => {
  const { store } = await openIn(t, await aFolder(t))
  const endless = { sql: 'SELECT count(*) FROM range(1000000000000) AS t(n) WHERE n % 7 = 3', params: {}, ...always }
  const slow = {
    status: () => store.status(),
    query: (_: unknown, signal: AbortSignal) => store.query(endless, signal),
  }
  const { get } = await anApi(t, { store: slow, timeoutMs: 20 })
  const response = await get('/v1/usage')
  assert.equal(response.status, 503)
  assert.match(await response.text(), /Ask for a shorter time, or with a filter/)
})

test('a store that fails is logged, and nothing of why is told', async (t) => {
  const said: unknown[] = []
  const { store } = await openIn(t, await aFolder(t))
  const broken = { status: () => store.status(), query: () => Promise.reject(new Error('secret path /var/x')) }
  const { get } = await anApi(t, { store: broken, log: (...line) => said.push(line) })
  const response = await get('/v1/usage')
  assert.equal(response.status, 500)
  assert.doesNotMatch(await response.text(), /secret/)
  assert.equal(said.length, 1)
})

test('the health tells how fresh the store is and what it let go', async (t) => {
  const { get } = await anApi(t)
  const { bytes, ...health } = (await (await get('/v1/health')).json()) as Record<string, unknown> // as the route declares
  assert.ok(Number(bytes) > 0)
  assert.deepEqual(health, {
    status: 'ok',
    as_of: '2026-11-21T09:00:00.000Z',
    received_from: '2026-11-21T08:00:00.000Z',
    records: 4,
    files: 1,
    max_bytes: 1024 ** 3,
    evicted_records: 0,
    expired_records: 0,
    lost_records: 0,
  })
})

test('the description names every path, parameter and answer', async (t) => {
  const { get } = await anApi(t)
  const document = (await (await get('/openapi.json')).json()) as {
    openapi: string
    paths: Record<
      string,
      { get: { parameters?: { name: string; description?: string }[]; responses: Record<string, unknown> } }
    >
  } // OpenAPI 3.1
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(Object.keys(document.paths), ['/v1/usage', '/v1/health'])
  const usage = document.paths['/v1/usage']?.get
  assert.deepEqual(
    usage?.parameters?.map(({ name }) => name),
    ['metric', 'by', 'filter', 'last', 'from', 'to', 'limit', 'format'],
  )
  assert.ok(usage?.parameters?.every(({ description }) => description))
  assert.deepEqual(Object.keys(usage?.responses ?? {}), ['200', '400', '422', '503'])
})

test('an answer is as its description says', async (t) => {
  const { get } = await anApi(t)
  const answer = await (await get('/v1/usage?by=endpoint,statusClass&metric=calls,p99,consumers')).json()
  assert.deepEqual(usageResult.strict().parse(answer), answer)
})
