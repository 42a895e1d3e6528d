import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { gatewayOptions } from '../../gateway/options.ts'
import type { GatewayInput } from './harness.ts'

const upstream = 'http://127.0.0.1:9000'

function faultsOf(input: GatewayInput): string[] {
  const result = gatewayOptions.safeParse(input)
  return (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('a gateway needs no options at all', () => {
  assert.deepEqual(faultsOf({}), [])
})

test('every option says what it is', () => {
  const schema = z.toJSONSchema(gatewayOptions, { io: 'input', unrepresentable: 'any' })
  const silent: string[] = []
  const visit = (node: unknown, path: string) => {
    if (typeof node !== 'object' || node === null) return
    for (const [name, property] of Object.entries((node as { properties?: object }).properties ?? {})) {
      if (!('description' in (property as object))) silent.push(`${path}.${name}`)
      visit(property, `${path}.${name}`)
    }
    for (const key of ['items', 'additionalProperties'] as const) visit((node as Record<string, unknown>)[key], path)
    for (const option of (node as { anyOf?: unknown[] }).anyOf ?? []) visit(option, path)
  }
  visit(schema, '')
  assert.deepEqual(silent, [])
})

test('two routes that take the same requests are told, both by name', () => {
  const faults = faultsOf({
    apis: [
      {
        name: 'orders',
        upstream,
        hosts: ['a.example', 'b.example'],
        routes: [{ path: '/orders/{id}', methods: ['GET', 'PUT'] }],
      },
      {
        name: 'shop',
        upstream,
        basePath: '/orders',
        hosts: ['b.example'],
        routes: [{ path: '/{key}', methods: ['PUT'] }],
      },
    ],
  })
  assert.deepEqual(faults, [
    'apis.1.routes.0: Two routes take the same requests (b.example, PUT /orders/{}): API "orders" (/orders/{id}) and API "shop" both have it. Change one of them.',
  ])
})

test('a route twice in one API, spelt otherwise, is told', () => {
  const faults = faultsOf({ apis: [{ name: 'a', upstream, routes: [{ path: '/x' }, { path: '/%78/' }] }] })
  assert.deepEqual(faults, [
    'apis.0.routes.1: Two routes take the same requests (every host, every method /x): API "a" has it twice. Change one of them.',
  ])
})

test('routes that differ in host, method or shape are no conflict', () => {
  assert.deepEqual(
    faultsOf({
      apis: [
        {
          name: 'a',
          upstream,
          routes: [{ path: '/x' }, { path: '/x', methods: ['GET'] }, { path: '/{x}' }, { path: '/{x*}' }],
        },
        { name: 'b', upstream, hosts: ['b.example'], routes: [{ path: '/x' }] },
      ],
    }),
    [],
  )
})

test('what is referred to must be there', () => {
  assert.deepEqual(faultsOf({ consumers: { acme: { plan: 'gold' } }, apis: [{ name: 'a', upstream: 'shop' }] }), [
    'consumers.acme.plan: There is no plan "gold" under plans.',
    'apis.0.upstream: There is no upstream "shop" under upstreams, and it is no URL.',
  ])
})

test('path templates that cannot be matched are told', () => {
  for (const [path, fault] of [
    ['orders', /begins with a slash/],
    ['/orders?x=1', /neither query/],
    ['/{rest*}/x', /nothing can follow/],
    ['/a{id}', /whole segment/],
    ['/{}', /whole segment/],
    ['/a/../b', /dot segments/],
    ['/a%zz', /percent-encoding/],
  ] as const) {
    const [first = ''] = faultsOf({ apis: [{ name: 'a', upstream, routes: [{ path }] }] })
    assert.match(first, fault, path)
  }
})

test('networks, headers, methods and targets are checked', () => {
  assert.equal(faultsOf({ trustedProxies: ['10.0.0.0/8', '::1', 'fd00::/8', '192.0.2.1'] }).length, 0)
  for (const network of ['10.0.0.0/33', 'localhost', '10.0.0', '::1/129', '10.0.0.0/x'])
    assert.equal(faultsOf({ trustedProxies: [network] }).length, 1, network)
  assert.equal(faultsOf({ apis: [{ name: 'a', upstream, key: { header: 'x key' } }] }).length, 1)
  assert.equal(faultsOf({ apis: [{ name: 'a', upstream, routes: [{ path: '/', methods: ['get'] }] }] }).length, 1)
  for (const url of ['ftp://a', 'http://user@a', 'http://a?x', 'a'])
    assert.equal(faultsOf({ upstreams: { u: { targets: [{ url }] } } }).length > 0, true, url)
})

test('a base path and an upstream that is a URL are checked like a route’s path and a target', () => {
  for (const basePath of ['/a/../b', '/a%zz', '/a\\b'])
    assert.match(faultsOf({ apis: [{ name: 'a', upstream, basePath }] }).join(), /basePath: .*dot segments/, basePath)
  for (const url of ['http://user@a', 'http://a?x'])
    assert.match(faultsOf({ apis: [{ name: 'a', upstream: url }] }).join(), /upstream: .*no query/, url)
})

test('a tag that would put a secret into every record is told', () => {
  const faults = faultsOf({
    apis: [{ name: 'a', upstream, key: { header: 'x-our-pass', query: 'k' } }],
    tags: {
      a: { header: 'Authorization' },
      b: { header: 'x-our-pass' },
      c: { query: 'k' },
      d: { query: 'token_type' },
      e: { query: 'page' },
    },
    privacy: { redact: { keep: ['token_type'] } },
  })
  assert.deepEqual(
    faults.map((fault) => fault.split(':')[0]),
    ['tags.a.header', 'tags.b.header', 'tags.c.query'],
  )
})

test('pseudonymised addresses need a secret, and a recording’s end is a time', () => {
  assert.deepEqual(faultsOf({ privacy: { clientIp: 'pseudonymised' } }), [
    'privacy.secret: Pseudonymised addresses need a secret: `openssl rand -hex 32` makes one.',
  ])
  assert.deepEqual(faultsOf({ record: { until: 'tomorrow' } }), ['record.until: a time such as 2026-09-01T12:00:00Z'])
})
