import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { aRecord } from '../../../record/sample.ts'
import { aShape, faultsOf } from './shapes.ts'

/** No part of it occurs in any other text of a record, in the names, or in the mark. */
const secret = 'S3CR3T#0815'

/** JSON with the secret as the value of `password`, somewhere. */
const jsonBody = fc
  .letrec((tie) => ({
    holder: fc.oneof(
      { depthSize: 'small' },
      fc.record({ password: fc.constantFrom<unknown>(secret, [secret], { nested: [secret] }), other: tie('plain') }),
      fc.record({ inner: tie('holder'), PassWord: fc.constant(secret) }),
      fc.array(tie('holder'), { minLength: 1, maxLength: 3 }),
    ),
    plain: fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
  }))
  .holder.map((value) => JSON.stringify(value))

/** A body in which the secret may stand anywhere, so that it can only go as a whole. */
const opaqueBody = fc
  .tuple(fc.string(), fc.string(), fc.nat())
  .map(([before, after, cut]) => `${JSON.stringify({ password: secret, before, after })}`.slice(0, -1 - (cut % 3)))

const formBody = fc.webQueryParameters().map((others) => {
  const form = new URLSearchParams(others)
  form.append('password', secret)
  return form.toString()
})

const headerName = fc.constantFrom('authorization', 'Authorization', 'AUTHORIZATION', 'x-api-key', 'X-Api-Key')

const record = fc
  .record({
    consumer: fc.constantFrom(secret, ''),
    userAgent: fc.constant(`agent ${secret}`),
    headers: fc.dictionary(headerName, fc.constant(`Bearer ${secret}`)),
    tag: fc.constantFrom('customer', 'Customer'),
    body: fc.oneof(jsonBody, opaqueBody),
    form: formBody,
  })
  .map(({ consumer, userAgent, headers, tag, body, form }) =>
    aRecord({
      consumer,
      userAgent,
      tags: { [tag]: secret, other: 'plain' },
      detail: {
        requestHeaders: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        requestBody: form,
        responseHeaders: headers,
        responseBody: body,
      },
    }),
  )

test('no planted secret is anywhere in the JSON of a record that is redacted by name', () => {
  const shape = aShape({
    redact: {
      consumer: 'hash',
      userAgent: 'mark',
      'tags.customer': 'hash',
      'detail.headers.authorization': 'mark',
      'detail.headers.x-*': 'hash',
      'detail.body.password': 'mark',
    },
  })
  fc.assert(
    fc.property(record, (one) => {
      assert.ok(JSON.stringify(one).includes(secret))
      const json = JSON.stringify(shape.apply(one))
      assert.ok(!decodeURIComponent(json.replaceAll('%', '%25')).includes(secret), json)
      assert.ok(!json.includes(encodeURIComponent(secret)), json)
    }),
  )
})

test('a body of which nothing is known but that it is a body is taken out whole', () => {
  const shape = aShape({ redact: { 'detail.body.password': 'mark' } })
  const shown = (requestBody: string, type?: string) =>
    shape.apply(aRecord({ detail: { requestBody, ...(type ? { requestHeaders: { 'content-type': type } } : {}) } }))
      ?.detail?.requestBody
  const form = 'application/x-www-form-urlencoded'
  assert.equal(shown('<password>x</password>'), '[redacted]')
  assert.equal(shown('{"password":"x'), '[redacted]')
  assert.equal(shown('{"password":"x"}\n{"password":"y"}'), '[redacted]')
  assert.equal(shown('['.repeat(1_000_000)), '[redacted]')
  assert.equal(shown(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), '[redacted]')
  assert.equal(shown('{"password":"x"}', form), '[redacted]')
  assert.equal(shown('user=a&passw', form), '[redacted]')
  assert.equal(shown('user=a&p%61ssword=x', form), 'user=a&password=%5Bredacted%5D')
  assert.equal(shown('', form), '')
})

test('what a JSON body says otherwise stays, numbers to the last digit', () => {
  const shape = aShape({ redact: { 'detail.body.password': 'mark' } })
  const shown = (requestBody: string) => shape.apply(aRecord({ detail: { requestBody } }))?.detail?.requestBody
  assert.equal(
    shown('{"id":12345678901234567890,"price":1.10,"password":"x","__proto__":{"a":1}}'),
    '{"id":12345678901234567890,"price":1.10,"password":"[redacted]","__proto__":{"a":1}}',
  )
  assert.equal(shown('{"a":{"password":"hidden twin"},"a":1}'), '{"a":1}')
  assert.equal(shown('"text"'), '"text"')
})

test('a hash is the same for the same value, and another under another key; nothing stays nothing', () => {
  const shape = aShape({ redact: { consumer: 'hash', clientIp: 'hash' } })
  const [a, b, c] = [{ consumer: 'acme' }, { consumer: 'acme' }, { consumer: 'other' }].map((part) =>
    shape.apply(aRecord({ ...part, clientIp: 'acme' })),
  )
  assert.match(a?.consumer ?? '', /^[0-9a-f]{32}$/)
  assert.equal(a?.consumer, b?.consumer)
  assert.equal(a?.consumer, a?.clientIp)
  assert.notEqual(a?.consumer, c?.consumer)
  assert.equal(shape.apply(aRecord({ consumer: '' }))?.consumer, '')
})

test('a team that only repeats the consumer does not give it away', () => {
  const own = aRecord({ consumer: 'acme' })
  const shared = aRecord({ consumer: 'acme', team: 'partners' })
  const teamOf = (options: Parameters<typeof aShape>[0], record = own) => aShape(options).apply(record)?.team
  assert.equal(teamOf({ redact: { consumer: 'mark' } }), '[redacted]')
  assert.equal(teamOf({ redact: { consumer: 'hash' } }), aShape({ redact: { consumer: 'hash' } }).apply(own)?.consumer)
  assert.equal(teamOf({ redact: { consumer: 'hash', team: 'mark' } }), '[redacted]')
  assert.equal(teamOf({ omit: ['consumer'] }), '')
  assert.equal(teamOf({ fields: ['team'] }), '')
  assert.equal(teamOf({ redact: { consumer: 'hash' } }, shared), 'partners')
  assert.equal(teamOf({ omit: ['consumer'] }, shared), 'partners')
})

test('names are compared without regard to case, also as they are written in the config', () => {
  const shape = aShape({ redact: { 'tags.Customer': 'mark', 'detail.headers.X-*': 'mark' } })
  const shaped = shape.apply(
    aRecord({ tags: { customer: secret }, detail: { requestHeaders: { 'x-api-key': secret } } }),
  )
  assert.deepEqual(shaped?.tags, { customer: '[redacted]' })
  assert.deepEqual(shaped?.detail, { requestHeaders: { 'x-api-key': '[redacted]' } })
})

test('of paths that name the same the first one counts', () => {
  const shape = aShape({ redact: { 'tags.a': 'hash', 'tags.*': 'mark' } })
  const tags = shape.apply(aRecord({ tags: { a: 'x', b: 'x' } }))?.tags
  assert.notEqual(tags?.a, '[redacted]')
  assert.equal(tags?.b, '[redacted]')
})

test('a path that names nothing is answered with what was meant', () => {
  assert.match(String(faultsOf({ redact: { consumr: 'mark' } })), /redact\.consumr: .* Did you mean "consumer"\?/)
  for (const path of ['id', 'status', 'outcome', 'totalUs', 'detail', 'detail.body.', 'tags.', 'cache'])
    assert.match(
      String(faultsOf({ redact: { [path]: 'mark' } })),
      /is neither a text field of the record nor tags\.NAME/,
    )
  assert.notDeepEqual(faultsOf({ redact: { consumer: 'blank' } }), [])
})
