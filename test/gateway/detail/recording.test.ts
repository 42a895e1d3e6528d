import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RequestRecord } from '../../../record/fields.ts'
import { ask, type GatewayInput, startGateway, startUpstream } from '../harness.ts'

type Record_ = NonNullable<NonNullable<GatewayInput['apis']>[number]['record']>

const past = '2020-01-01T00:00:00Z'
const future = '2999-12-31T23:59:59+01:00'

/** Asks for `/a` and `/b` of an API, as `acme` and as nobody in particular; gives the details. */
async function detailsOf(t: TestContext, input: Omit<GatewayInput, 'apis'>, api: { record?: Record_; a?: Record_ }) {
  const upstream = await startUpstream(t, (_, response) => void response.end('{}'))
  const { url, recorded } = await startGateway(t, {
    ...input,
    apis: [
      {
        name: 'orders',
        upstream: upstream.url,
        routes: [{ path: '/a', record: api.a }, { path: '/b' }],
        record: api.record,
      },
    ],
  })
  for (const path of ['/a', '/b']) {
    for (const key of ['key-acme', 'key-other']) await ask(url, path, { headers: { 'x-api-key': key } })
  }
  const records = await recorded(4)
  const isRecorded = ({ detail }: RequestRecord) => detail !== null
  return records.filter(isRecorded).map(({ path, consumer, detail }) => ({ who: `${path} ${consumer}`, detail }))
}

const names = (details: readonly { readonly who: string }[]) => details.map(({ who }) => who)

test('nothing is recorded in detail unless somebody asks for it', async (t) => {
  assert.deepEqual(await detailsOf(t, {}, {}), [])
})

test('a gateway, an API and a route may ask for it; the nearest one counts', async (t) => {
  assert.equal((await detailsOf(t, { record: {} }, {})).length, 4)
  assert.deepEqual(names(await detailsOf(t, {}, { a: {} })), ['/a acme', '/a other'])
  assert.deepEqual(names(await detailsOf(t, { record: {} }, { record: { never: true }, a: {} })), [
    '/a acme',
    '/a other',
  ])
  const details = await detailsOf(t, {}, { record: { bodies: true }, a: { headers: ['accept'] } })
  const parts = details.map(({ detail }) =>
    Object.keys(detail ?? {})
      .sort()
      .join(' '),
  )
  assert.deepEqual(
    new Set(parts),
    new Set(['requestHeaders responseHeaders', 'requestHeaders responseBody responseHeaders']),
  )
})

test('a consumer may be recorded wherever it goes, or with one of its keys only', async (t) => {
  const consumers = (record: object) => ({ consumers: { acme: { record } } })
  assert.deepEqual(names(await detailsOf(t, consumers({}), {})), ['/a acme', '/b acme'])
  assert.deepEqual(names(await detailsOf(t, consumers({ keys: ['id-acme'] }), {})), ['/a acme', '/b acme'])
  assert.deepEqual(names(await detailsOf(t, consumers({ keys: ['id-old'] }), {})), [])
})

test('what a route and a consumer ask for adds up', async (t) => {
  const consumers = { acme: { record: { headers: false, bodies: 'response' as const } } }
  const details = await detailsOf(t, { consumers }, { a: { headers: ['x-a'], bodies: false } })
  const parts = Object.fromEntries(
    details.map(({ who, detail }) => [
      who,
      Object.keys(detail ?? {})
        .sort()
        .join(' '),
    ]),
  )
  assert.deepEqual(parts, {
    '/a acme': 'requestHeaders responseBody responseHeaders',
    '/a other': 'requestHeaders responseHeaders',
    '/b acme': 'responseBody',
  })
})

test('where it must never be recorded, nobody is', async (t) => {
  const details = await detailsOf(t, { record: {}, consumers: { acme: { record: {} } } }, { a: { never: true } })
  assert.deepEqual(names(details), ['/b acme', '/b other'])
  assert.deepEqual(names(await detailsOf(t, { record: {}, consumers: { acme: { record: { never: true } } } }, {})), [
    '/a other',
    '/b other',
  ])
})

test('a recording ends at its time', async (t) => {
  assert.deepEqual(await detailsOf(t, { record: { until: past } }, {}), [])
  assert.equal((await detailsOf(t, { record: { until: future } }, {})).length, 4)
  const consumers = { acme: { record: { until: past } } }
  assert.deepEqual(names(await detailsOf(t, { consumers }, { a: {} })), ['/a acme', '/a other'])
})

test('a refused request is recorded with what it was answered', async (t) => {
  const { url, onlyRecord } = await startGateway(t, {
    record: { bodies: true },
    apis: [{ name: 'orders', upstream: 'http://127.0.0.1:9' }],
  })
  await ask(url, '/', { headers: { 'x-api-key': 'not-a-key-of-ours' } })
  const { detail } = await onlyRecord()
  assert.equal(detail?.requestHeaders?.['x-api-key'], '[redacted]')
  assert.equal(JSON.parse(detail?.responseBody ?? '').status, 401)
  assert.equal(detail?.responseHeaders?.['content-type'], 'application/problem+json')
})
