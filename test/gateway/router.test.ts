import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Router } from '../../gateway/router.ts'
import { parseTemplate } from '../../gateway/template.ts'

type Entry = [route: string, host?: string]

/** Routes as `METHOD,METHOD /template`; the value is the route as it is written. */
function routerOf(...entries: (string | Entry)[]): Router<string> {
  const router = new Router<string>()
  for (const entry of entries) {
    const [route, host = ''] = typeof entry === 'string' ? [entry] : entry
    const [methods = '', path = ''] = route.split(' ')
    router.add(host, methods === '*' ? [] : methods.split(','), parseTemplate('/', path), route)
  }
  return router
}

test('a static segment wins over a parameter, and a parameter over a tail', () => {
  const router = routerOf('GET /orders/{id}', 'GET /orders/latest', 'GET /orders/{rest*}', 'GET /{rest*}')
  assert.equal(router.find('', 'GET', '/orders/latest'), 'GET /orders/latest')
  assert.equal(router.find('', 'GET', '/orders/42'), 'GET /orders/{id}')
  assert.equal(router.find('', 'GET', '/orders/42/items'), 'GET /orders/{rest*}')
  assert.equal(router.find('', 'GET', '/orders'), 'GET /orders/{rest*}')
  assert.equal(router.find('', 'GET', '/'), 'GET /{rest*}')
})

test('where the winner leads nowhere, the next is tried', () => {
  const router = routerOf('GET /a/b/c', 'GET /a/{x}/d', 'GET /{x}/b/e', 'GET /{rest*}')
  assert.equal(router.find('', 'GET', '/a/b/c'), 'GET /a/b/c')
  assert.equal(router.find('', 'GET', '/a/b/d'), 'GET /a/{x}/d')
  assert.equal(router.find('', 'GET', '/a/b/e'), 'GET /{x}/b/e')
  assert.equal(router.find('', 'GET', '/a/b/f'), 'GET /{rest*}')
})

test('a route for the method is found behind one that is for others', () => {
  const router = routerOf('POST /orders/search', 'GET /orders/{id}')
  assert.equal(router.find('', 'GET', '/orders/search'), 'GET /orders/{id}')
  assert.equal(router.find('', 'POST', '/orders/search'), 'POST /orders/search')
  assert.equal(router.find('', 'PUT', '/orders/search'), undefined)
  assert.deepEqual([...router.methods('', '/orders/search')].sort(), ['GET', 'HEAD', 'POST'])
})

test('a named method wins over every method, and HEAD is answered where GET is', () => {
  const router = routerOf('* /a', 'GET /a', 'GET,HEAD /b', 'GET /c')
  assert.equal(router.find('', 'GET', '/a'), 'GET /a')
  assert.equal(router.find('', 'HEAD', '/a'), 'GET /a')
  assert.equal(router.find('', 'PATCH', '/a'), '* /a')
  assert.equal(router.find('', 'HEAD', '/b'), 'GET,HEAD /b')
  assert.equal(router.find('', 'HEAD', '/c'), 'GET /c')
})

test('a trailing slash makes no difference', () => {
  const router = routerOf('GET /orders', 'GET /', 'GET /{x}/items')
  assert.equal(router.find('', 'GET', '/orders/'), 'GET /orders')
  assert.equal(router.find('', 'GET', '/'), 'GET /')
  assert.equal(router.find('', 'GET', '/7/items/'), 'GET /{x}/items')
  assert.equal(router.find('', 'GET', '/7/'), undefined)
})

test('a host wins over a part of it, a longer part over a shorter, and both over every host', () => {
  const router = routerOf(
    ['GET /', 'api.example.com'],
    ['GET,POST /', '*.example.com'],
    ['GET,PUT /', '*.eu.example.com'],
    ['GET,PATCH /', ''],
  )
  assert.equal(router.find('api.example.com', 'GET', '/'), 'GET /')
  assert.equal(router.find('web.example.com', 'GET', '/'), 'GET,POST /')
  assert.equal(router.find('web.eu.example.com', 'GET', '/'), 'GET,PUT /')
  assert.equal(router.find('example.com', 'GET', '/'), 'GET,PATCH /')
  assert.equal(router.find('', 'GET', '/'), 'GET,PATCH /')
})

test('what a host does not have is looked for in the hosts that are less particular', () => {
  const router = routerOf(['GET /a', 'api.example.com'], ['GET /b', '*.example.com'], ['GET /c', ''])
  assert.equal(router.find('api.example.com', 'GET', '/b'), 'GET /b')
  assert.equal(router.find('api.example.com', 'GET', '/c'), 'GET /c')
  assert.deepEqual([...router.methods('api.example.com', '/c')], ['GET', 'HEAD'])
})

/** The rule in its plainest form: try every route, and take the one that is most particular from left to right. */
function slowFind(routes: readonly string[], method: string, path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '')
  const rank = (route: string): string | undefined => {
    const [methods = '', template = ''] = route.split(' ')
    if (!methods.split(',').includes(method)) return undefined
    const { segments, hasTail } = parseTemplate('/', template)
    if (hasTail ? parts.length < segments.length : parts.length !== segments.length) return undefined
    if (!segments.every((segment, index) => segment === undefined || segment === parts[index])) return undefined
    return segments.map((segment) => (segment === undefined ? '1' : '0')).join('') + (hasTail ? '2' : '')
  }
  return routes
    .flatMap((route) => {
      const ranked = rank(route)
      return ranked === undefined ? [] : [{ route, ranked }]
    })
    .sort((a, b) => (a.ranked < b.ranked ? -1 : 1))[0]?.route
}

test('the tree finds what trying every route finds', () => {
  const segment = fc.constantFrom('a', 'b', '{x}')
  const template = fc
    .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
    .map(([segments, hasTail]) => `/${[...segments, ...(hasTail ? ['{rest*}'] : [])].join('/')}`)
  const route = fc.tuple(fc.constantFrom('GET', 'POST', 'GET,POST'), template).map((parts) => parts.join(' '))
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
  const templateOf = (text: string) => text.split(' ')[1]
  fc.assert(
    fc.property(fc.uniqueArray(route, { selector: templateOf, maxLength: 12 }), path, (routes, asked) => {
      assert.equal(routerOf(...routes).find('', 'GET', asked), slowFind(routes, 'GET', asked))
    }),
    { numRuns: 2000 },
  )
})
