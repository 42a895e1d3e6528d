import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasEncodedSlash, normalPath } from '../../gateway/path.ts'

const spellings = {
  '/orders/42': '/orders/42',
  '/%6frders/%34%32': '/orders/42',
  '/a%2db%7e%2E': '/a-b~.',
  '/a%2fb%c3%a9': '/a%2Fb%C3%A9',
  '//orders///42': '/orders/42',
  '/orders/': '/orders/',
  '/Orders;v=1/': '/Orders;v=1/',
  '/presentations/vim/%094': '/presentations/vim/%094',
  '/a..b/...': '/a..b/...',
}

for (const [written, spelled] of Object.entries(spellings)) {
  test(`${written} is spelled ${spelled}`, () => assert.equal(normalPath(written), spelled))
}

for (const path of [
  '/a/../b',
  '/a/%2e%2E/b',
  '/a/.;x/b',
  '/.',
  '/a\\b',
  '/a%00',
  '/a%0d%0aX:1',
  '/a%zz',
  '/a%',
  '/a b',
]) {
  test(`${path} is refused`, () => assert.equal(normalPath(path), undefined))
}

test('an encoded slash or backslash is seen in whichever case it was written', () => {
  assert.equal(hasEncodedSlash(normalPath('/a%2fb') ?? ''), true)
  assert.equal(hasEncodedSlash(normalPath('/a%5Cb') ?? ''), true)
  assert.equal(hasEncodedSlash(normalPath('/a%20b') ?? ''), false)
})
