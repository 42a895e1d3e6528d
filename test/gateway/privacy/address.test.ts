import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOf, pseudonymizer, truncated } from '../../../gateway/privacy/address.ts'

test('a truncated address is its network', () => {
  const networks = {
    '192.0.2.77': '192.0.2.0',
    '2001:db8:7:1:2:3:4:5': '2001:db8:7::',
    '2001:db8::1': '2001:db8:0::',
    '2001:0db8:00ff::': '2001:db8:ff::',
    '::1': '0:0:0::',
    'fe80::1%eth0': 'fe80:0:0::',
    '64:ff9b::192.0.2.77': '64:ff9b:0::',
    '1:2:3:4:5:6:192.0.2.77': '1:2:3::',
    '': '',
  }
  for (const [address, network] of Object.entries(networks)) assert.equal(truncated(address), network)
})

test('a client of IPv6 is its /64, one of IPv4 its address', () => {
  assert.equal(clientOf('192.0.2.77'), '192.0.2.77')
  assert.equal(clientOf('2001:db8:7:1:2:3:4:5'), '2001:db8:7:1::')
  assert.equal(clientOf('2001:db8:7:1::9'), '2001:db8:7:1::')
  assert.notEqual(clientOf('2001:db8:7:2::9'), clientOf('2001:db8:7:1::9'))
})

test('a pseudonym is the same for the same address and secret, and for no other', () => {
  const pseudonym = pseudonymizer('a secret of some length')
  assert.match(pseudonym('192.0.2.77'), /^[0-9a-f]{16}$/)
  assert.equal(pseudonym('192.0.2.77'), pseudonymizer('a secret of some length')('192.0.2.77'))
  assert.notEqual(pseudonym('192.0.2.77'), pseudonym('192.0.2.78'))
  assert.notEqual(pseudonym('192.0.2.77'), pseudonymizer('another secret of some length')('192.0.2.77'))
  assert.equal(pseudonym(''), '')
})

test('as many clients as there are, a pseudonym stays the same', () => {
  const pseudonym = pseudonymizer('a secret of some length')
  const first = pseudonym('192.0.2.77')
  for (let i = 0; i < 20_001; i++) pseudonym(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  assert.equal(pseudonym('192.0.2.77'), first)
})
