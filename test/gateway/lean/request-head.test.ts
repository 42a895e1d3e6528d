import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Outgoing, UnsendableError } from '../../../gateway/upstream/carrier.ts'
import { requestHead } from '../../../gateway/upstream/lean/request-head.ts'

function headOf(outgoing: Partial<Outgoing>): string {
  const whole = { path: '/a?b', method: 'GET', headers: [], body: null, upgrade: null, servername: '', ...outgoing }
  return requestHead(whole, 'target:8080').text
}

test('a request without a body has no framing', () => {
  const text = headOf({ headers: ['X-A', 'b', 'content-length', '0'] })
  assert.equal(text, 'GET /a?b HTTP/1.1\r\nhost: target:8080\r\nconnection: keep-alive\r\nX-A: b\r\n\r\n')
})

test('a request that usually has a body says where it has none', () => {
  assert.match(headOf({ method: 'POST' }), /\r\ncontent-length: 0\r\n\r\n$/)
})

test('the length of a whole body is what is said of it', () => {
  assert.match(headOf({ method: 'POST', body: Buffer.from('abc') }), /\r\ncontent-length: 3\r\n\r\n$/)
})

test('a body that streams has the length that was announced, or comes in chunks', () => {
  const body = Readable.from(['abc'])
  assert.match(headOf({ method: 'POST', body, headers: ['Content-Length', '3'] }), /\r\ncontent-length: 3\r\n\r\n$/)
  assert.match(headOf({ method: 'POST', body }), /\r\ntransfer-encoding: chunked\r\n\r\n$/)
})

test('the host that the client asked for comes in place of the target’s', () => {
  assert.match(headOf({ headers: ['Host', 'shop.example'] }), /^GET \/a\?b HTTP\/1\.1\r\nhost: shop\.example\r\nc/)
})

test('another protocol is asked for', () => {
  assert.match(headOf({ upgrade: 'websocket' }), /\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n$/)
})

for (const [name, outgoing] of Object.entries<Partial<Outgoing>>({
  'a line’s end in a value': { headers: ['X-A', 'b\r\nX-C: d'] },
  'a line feed in a value': { headers: ['X-A', 'b\nX-C: d'] },
  'a zero byte in a value': { headers: ['X-A', 'b\0'] },
  'a character beyond Latin-1 in a value': { headers: ['X-A', '名'] },
  'a line’s end in a name': { headers: ['X-A: b\r\nX-C', 'd'] },
  'a blank in a name': { headers: ['X A', 'b'] },
  'an empty name': { headers: ['', 'b'] },
  'a line’s end in the path': { path: '/a HTTP/1.1\r\nX-A: b\r\n\r\n' },
  'a blank in the path': { path: '/a b' },
  'a blank in the method': { method: 'GET /x' },
  'two hosts': { headers: ['host', 'a', 'Host', 'b'] },
  'two lengths': { method: 'POST', body: Buffer.from('a'), headers: ['content-length', '1', 'Content-Length', '1'] },
  'a length that is no number': { method: 'POST', body: Buffer.from('a'), headers: ['content-length', '1, 1'] },
  'another length than that of the body': {
    method: 'POST',
    body: Buffer.from('abc'),
    headers: ['content-length', '2'],
  },
  'a length without a body': { method: 'POST', headers: ['content-length', '2'] },
  'a transfer coding': { headers: ['Transfer-Encoding', 'chunked'] },
  'a Connection header': { headers: ['Connection', 'close'] },
  'an Upgrade header': { headers: ['Upgrade', 'h2c'] },
})) {
  test(`${name} cannot be sent`, () => {
    assert.throws(() => headOf(outgoing), UnsendableError)
  })
}
