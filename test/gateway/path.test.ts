import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hasEncodedSlash, normalPath } from '../../gateway/path.ts'
import { ask, startGateway, startUpstream, statusOf, talk } from './harness.ts'

test('each path has one spelling', () => {
  const spellings: [string, string | undefined][] = [
    ['/orders/42', '/orders/42'],
    ['/', '/'],
    ['/%6Frders/%34%32', '/orders/42'],
    ['/a%2db%5Fc%7e', '/a-b_c~'],
    ['/a%2fb%5c', '/a%2Fb%5C'],
    ['/%c3%a4', '/%C3%A4'],
    ['//orders///42', '/orders/42'],
    ['/orders/', '/orders/'],
    ['/a%252Fb', '/a%252Fb'],
    ['/a+b;v=1', '/a+b;v=1'],
    ['/.well-known/x', '/.well-known/x'],
    ['/presentations/vim/%094', '/presentations/vim/%094'],
    ['/a..b/...', '/a..b/...'],
    ['/./a', undefined],
    ['/a/../b', undefined],
    ['/a/..', undefined],
    ['/a/%2e%2E/b', undefined],
    ['/a/.%2e', undefined],
    ['/a/..;x=1/b', undefined],
    ['/a\\b', undefined],
    ['/a%00', undefined],
    ['/a%0d%0aX:1', undefined],
    ['/a%0a', undefined],
    ['/a/.;x/b', undefined],
    ['/.', undefined],
    ['/a%zz', undefined],
    ['/a%', undefined],
    ['/a b', undefined],
  ]
  for (const [path, expected] of spellings) assert.equal(normalPath(path), expected, path)
})

test('a path in its one spelling stays as it is', () => {
  const piece = fc.constantFrom('/', 'a', '.', '%', '2', 'F', 'e', ';', '~', '%2e', '%61', '%2f', '//')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const once = normalPath(`/${pieces.join('')}`)
      if (once !== undefined) assert.equal(normalPath(once), once)
    }),
    { numRuns: 5000 },
  )
})

test('encoded slashes and backslashes are noticed, escaped percent signs are not mistaken for them', () => {
  assert.equal(hasEncodedSlash('/a%2Fb'), true)
  assert.equal(hasEncodedSlash('/a%5Cb'), true)
  assert.equal(hasEncodedSlash('/a%252Fb'), false)
  assert.equal(hasEncodedSlash('/a'), false)
})

test('no spelling of a guarded path reaches the upstream through an open route', async (t) => {
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end()
  })
  const { port } = await startGateway(t, {
    apis: [
      { name: 'guarded', upstream: upstream.url, basePath: '/admin' },
      { name: 'open', upstream: upstream.url, auth: 'none' },
    ],
  })
  const refused = [
    '/admin',
    '/admin/',
    '/admin/users',
    '//admin/users',
    '/admin//users',
    '/%61dmin/users',
    '/adm%69n',
    '/x/../admin',
    '/x/%2e%2e/admin',
    '/x/..;/admin',
    '/./admin',
    '/admin%2Fusers',
    '/x%2F..%2Fadmin',
    '/x\\..\\admin',
    '/x%5c..%5cadmin',
    '/admin#',
    '/admin;x=1',
    '/admin%3bx=1',
    '/admin;/users',
    '/;x/admin',
    '/x;a=1;b/y',
    'http://gateway/admin',
    'http://gateway//admin',
  ]
  for (const path of refused) {
    const answer = await talk(t, port, `GET ${path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`)
    assert.ok([400, 401].includes(statusOf(answer)), `${path}: ${statusOf(answer)}`)
  }
  assert.deepEqual(seen, [])
})

test('the upstream gets the spelling that was matched', async (t) => {
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end()
  })
  const { port, recorded } = await startGateway(t, {
    apis: [{ name: 'files', upstream: upstream.url, auth: 'none', encodedSlashes: 'keep' }],
  })
  const asked = ['//%66iles//a%2fb/?q=%61//b', 'http://gateway/x?y', 'http://gateway?y']
  for (const path of asked) await talk(t, port, `GET ${path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`)
  assert.deepEqual(seen, ['/files/a%2Fb/?q=%61//b', '/x?y', '/?y'])
  assert.deepEqual(
    (await recorded(3)).map(({ path }) => path),
    ['//%66iles//a%2fb/', '/x', '/'],
  )
})

test('where parameters are kept, a route is found as if they were not there, and the upstream gets them', async (t) => {
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end()
  })
  const keeps = { upstream: upstream.url, pathParameters: 'keep' } as const
  const { url } = await startGateway(t, {
    apis: [
      { name: 'guarded', basePath: '/admin', ...keeps },
      { name: 'below', basePath: '/v2', stripBasePath: true, auth: 'none', ...keeps },
      { name: 'open', auth: 'none', ...keeps },
    ],
  })
  const statuses: Record<string, number> = {
    '/admin;x=1': 401,
    '/admin%3Bx=1/users': 401,
    '/;x/admin': 401,
    '/orders;v=1/7;a=b?c': 200,
    '/v2/orders;v=1': 200,
    '/v2;v=1/orders': 400,
    '/v%32%3bv=1': 400,
  }
  for (const [path, status] of Object.entries(statuses)) assert.equal((await ask(url, path)).status, status, path)
  assert.deepEqual(seen, ['/orders;v=1/7;a=b?c', '/orders;v=1'])
})
