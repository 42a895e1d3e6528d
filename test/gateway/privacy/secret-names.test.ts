import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SecretNames } from '../../../gateway/privacy/secret-names.ts'

const named = ({ always = [], keep = [] }: { always?: string[]; keep?: string[] } = {}) =>
  new SecretNames({ always, keep })

test('what is named like a secret is one, however it is spelt', () => {
  const names = named()
  const secret =
    'password Password new_password user.passwd passphrase pwd secret clientSecret client-secret token access_token idToken api_key apiKey API-KEY x-api-key authorization proxy-authorization auth oauth cookie set-cookie session sessionId jwt signature cardNumber card_no credit-card cvv CVC cc_number pin userPin otp ssn PAN X-CSRF-Token user[password] ｐａｓｓｗｏｒｄ'
  for (const name of secret.split(' ')) assert.ok(names.has(name), name)
})

test('what only contains the letters of a secret is none', () => {
  const names = named()
  const open = 'author authors authority company spin shipping hotplate footprint name id status key keyword cardinal'
  for (const name of open.split(' ')) assert.ok(!names.has(name), name)
})

test('a name of the operator’s is secret in every spelling, and one that is kept is not', () => {
  const names = named({ always: ['tax-id', 'authorization'], keep: ['total_tokens', 'authorization'] })
  for (const name of ['tax-id', 'taxId', 'TAX_ID']) assert.ok(names.has(name), name)
  for (const name of ['total_tokens', 'totalTokens']) assert.ok(!names.has(name), name)
  assert.ok(names.has('Authorization'), 'what is always secret cannot be kept')
})

test('however many names clients think of, each is judged right', () => {
  const names = named()
  for (let i = 0; i < 3000; i++) assert.equal(names.has(`field${i}`), false)
  assert.ok(names.has('password'))
  assert.ok(names.has(`${'x'.repeat(10_000)}password`))
})
