import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BodyKind, Redaction } from '../../../gateway/privacy/redaction.ts'
import { SecretNames } from '../../../gateway/privacy/secret-names.ts'

const headers = new SecretNames({ always: ['x-tenant'], keep: ['total_tokens'] })
const fields = new SecretNames({ always: ['iban'], keep: ['total_tokens'] })

const open = () => new Redaction({ headers, fields })

/** A body as a record would have it. */
function redact(kind: BodyKind, text: string, { isCut = false } = {}): string {
  const redaction = open()
  const redacted = redaction.body(kind, text)
  return redaction.finished(redacted.text, isCut || !redacted.isWhole)
}

test('secret members of JSON are taken out at any depth, and all else stays as it is written', () => {
  const cases = {
    '{"user":"ada","password":"hunter2"}': '{"user":"ada","password":"[redacted]"}',
    '{ "a": [ {"Api_Key" : "k"}, 1.50e3 ],\n"id": 12345678901234567890 }':
      '{ "a": [ {"Api_Key" : "[redacted]"}, 1.50e3 ],\n"id": 12345678901234567890 }',
    '{"auth":{"user":"u","list":["x",{"y":1}]},"next":true}': '{"auth":"[redacted]","next":true}',
    '{"pin":1234,"cvv":null,"iban":["DE1"],"ok":false}':
      '{"pin":"[redacted]","cvv":"[redacted]","iban":"[redacted]","ok":false}',
    '{"p\\u0061ssword":"hunter2"}': '{"p\\u0061ssword":"[redacted]"}',
    '{"total_tokens":12}': '{"total_tokens":12}',
    '{"password":"first"}\n{"password":"second"}\n': '{"password":"[redacted]"}\n{"password":"[redacted]"}\n',
    '[]': '[]',
    '{}': '{}',
    '"text"': '"text"',
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(redact('json', text), expected)
})

test('JSON within a text of JSON is taken apart as well', () => {
  const inner = JSON.stringify({ password: 'hunter2', a: 1 })
  assert.equal(
    redact('json', JSON.stringify({ payload: inner })),
    JSON.stringify({ payload: '{"password":"[redacted]","a":1}' }),
  )
})

test('from the first character on that is not JSON, nothing is kept', () => {
  for (const text of ['{password:"hunter2"}', "{'password':'hunter2'}", '{"a":1,"b":tru,"c":"hunter2"}', 'hunter2'])
    assert.doesNotMatch(redact('json', text), /hunter2/)
})

test('secret fields of a form are taken out, and JSON that is sent as one', () => {
  const cases = {
    'user=ada&password=hunter2&x=1': 'user=ada&password=[redacted]&x=1',
    'p%61ssword=hunter2&user%5Bpin%5D=12': 'p%61ssword=[redacted]&user%5Bpin%5D=[redacted]',
    'payload=%7B%22password%22%3A%22hunter2%22%7D': `payload=${encodeURIComponent('{"password":"[redacted]"}')}`,
    'back=%2Fa%3Ftoken%3Dhunter2%26x%3D1': `back=${encodeURIComponent('/a?token=[redacted]&x=1')}`,
    'a=%zz&%zz=hunter2&b=1': 'a=[redacted]&%zz=[redacted]&b=1',
    '{"password":"hunter2"}': '{"password":"[redacted]"}',
    'password: hunter2': 'password: [redacted]',
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(redact('form', text), expected)
})

test('in a text, what follows a secret name is taken out', () => {
  const cases = {
    'GET /a?token=hunter2&x=1 HTTP/1.1': 'GET /a?token=[redacted]&x=1 HTTP/1.1',
    'Cookie: a=hunter2; b=hunter3\r\nAccept: x': 'Cookie: [redacted]\r\nAccept: x',
    'password = "hunter2 \\" more" next': 'password = "[redacted]" next',
    'log: {\\"password\\":\\"hunter2\\",\\"a\\":1}': 'log: {\\"password\\":\\"[redacted]\\",\\"a\\":1}',
    '{:password=>"hunter2", :a=>1}': '{:password=>"[redacted]", :a=>1}',
    'secrets: {\n a: hunter2\n}': 'secrets: {[redacted]',
    '<user><wsse:Password Type="x">hunter2</wsse:Password><a>1</a></user>':
      '<user><wsse:Password Type="x">[redacted]</wsse:Password><a>1</a></user>',
    '<login password="hunter2" a="1"/>': '<login password="[redacted]" a="1"/>',
    '<property name="password">hunter2</property>': '<property name="password">[redacted]</property>',
    '<input value="hunter2" name="csrf_token">': '<input value="[redacted]" name="csrf_token">',
    '<password><![CDATA[hunter2]]></password>': '<password>[redacted]</password>',
    'nothing to see: here': 'nothing to see: here',
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(redact('text', text), expected)
})

test('what is a credential by its looks is taken out under any name', () => {
  const cases = {
    'sent Bearer abcdef123456': 'sent Bearer [redacted]',
    'sent Basic YWRhOmh1bnRlcjI=': 'sent Basic [redacted]',
    'got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-1.': 'got [redacted].',
    'no such key pstk_7d2k9q4m1x_0pQabcdefghijklmnopqrstuvwxyz12': 'no such key [redacted]',
    'at https://ada:hunter2@db.example/x': 'at https://ada:[redacted]@db.example/x',
    'paid with 4111 1111 1111 1111.': 'paid with [redacted].',
    'order 4111111111111112': 'order 4111111111111112',
    'at 1763721654123456 µs': 'at 1763721654123456 µs',
  }
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(redact('text', text), expected)
    assert.equal(redact('json', JSON.stringify({ note: text })), JSON.stringify({ note: expected }))
  }
  assert.equal(redact('json', '{"n":4111111111111111}'), '{"n":"[redacted]"}')
})

test('an address that is to be hidden is, however short', () => {
  const redaction = open()
  redaction.hide('1.2.3.4')
  assert.equal(redaction.finished('from 1.2.3.4', false), 'from [redacted]')
})

test('a header that is secret is taken out, and its value wherever it is repeated', () => {
  const redaction = open()
  assert.equal(redaction.header('authorization', `Basic ${btoa('ada:correct horse')}`), '[redacted]')
  assert.equal(redaction.header('cookie', 'sid=0123456789; theme="dark mode"'), '[redacted]')
  assert.equal(redaction.header('x-tenant', 'north-west'), '[redacted]')
  assert.equal(redaction.header('location', '/in?token=abc&x=1'), '/in?token=[redacted]&x=1')
  assert.equal(redaction.header('accept', 'text/plain'), 'text/plain')
  const { text } = redaction.body('text', 'You sent 0123456789 and correct horse for north-west.')
  assert.equal(redaction.finished(text, false), 'You sent [redacted] and [redacted] for [redacted].')
  assert.equal(redaction.finished('It ends with 01234', true), 'It ends with ')
  assert.equal(redaction.finished('{"a":"correct%20horse north-"}', false), '{"a":"[redacted] north-"}')
})

/** Letters that no name and no text around it has, so that a find is the secret. */
const planted = fc
  .string({ unit: fc.constantFrom(...'XYZQ789"\\ü€😀 &=;/+%'), minLength: 8, maxLength: 40 })
  .map((text) => `XQ${text}ZY`)

const secretName = fc.constantFrom('password', 'clientSecret', 'access_token', 'Api-Key', 'cvv', 'user_pin', 'iban')
const plainName = fc.constantFrom('id', 'name', 'items', 'note', 'ü', '')
const plainValue = fc.oneof(
  fc.constantFrom('', 'abc', 'l\no', '{"a":1}', '[b] c'),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)

/** JSON with a secret somewhere under a secret name, and the secret. */
const bodyWithSecret = fc.tuple(planted, secretName).chain(([secret, name]) => {
  const around = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      plainValue,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(plainName, tie('tree'), { maxKeys: 3 }),
    ),
  })).tree
  const hidden = fc.constantFrom<unknown>(secret, [secret], { value: secret }, [[1, { a: secret }]], `${secret} `)
  return fc
    .tuple(around, hidden, around, fc.constantFrom(undefined, 1, '\t'), fc.boolean())
    .map(([before, value, after, indent, isNested]) => {
      const holder = { before, [name]: value, after }
      const body = isNested ? { text: JSON.stringify(holder) } : [holder]
      return { text: JSON.stringify(body, null, indent), secret }
    })
})

/** All ways in which four characters of the secret in a row would show it. */
function partsOf(secret: string): string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)].map((text) => text.slice(0, 12))
}

test('wherever JSON is cut, no part of a secret is left', () => {
  fc.assert(
    fc.property(bodyWithSecret, fc.double({ min: 0, max: 1, noNaN: true }), ({ text, secret }, where) => {
      const bytes = Buffer.from(text)
      const cut = new TextDecoder().decode(bytes.subarray(0, Math.round(bytes.length * where)))
      const kept = redact('json', cut, { isCut: true })
      assert.ok(!kept.includes('XQ'), kept)
      for (const part of partsOf(secret)) assert.ok(!kept.includes(part), kept)
    }),
    { numRuns: 3000 },
  )
})

test('wherever a form is cut, no part of a secret is left', () => {
  fc.assert(
    fc.property(planted, secretName, fc.double({ min: 0, max: 1, noNaN: true }), (secret, name, where) => {
      const text = new URLSearchParams({
        a: 'b c',
        [name]: secret,
        data: JSON.stringify({ [name]: secret }),
      }).toString()
      const kept = redact('form', text.slice(0, Math.round(text.length * where)), { isCut: true })
      assert.ok(!kept.includes('XQ'), kept)
    }),
    { numRuns: 1000 },
  )
})

test('JSON that is whole and has no secret stays as it is', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const redaction = open()
      const redacted = redaction.body('json', text)
      assert.ok(redacted.isWhole)
      if (!/[=:<]|\d{4}|pstk_|eyJ|bearer|basic/i.test(JSON.stringify(valuesOf(JSON.parse(text))))) {
        const isSecret = namesOf(JSON.parse(text)).some((name) => fields.has(name) || headers.has(name))
        if (!isSecret) assert.equal(redacted.text, text)
      }
      JSON.parse(redacted.text)
    }),
  )
})

test('however a text is made, reading it takes no more than its length', { timeout: 30_000 }, () => {
  const length = 262_144
  const parts = [
    'a.',
    '<password>',
    '<x name=token>',
    'a:',
    'a ',
    '"a":',
    'bearer ',
    'eyJ',
    '-----BEGIN ',
    '[',
    '{"a":',
    '\\"',
    'a://',
    '4111 ',
  ]
  for (const part of parts) {
    const text = part.repeat(Math.ceil(length / part.length))
    for (const kind of ['json', 'form', 'text'] as const) redact(kind, text, { isCut: true }) // minutes, if it grew with the square
  }
})

function valuesOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [JSON.stringify(value)]
  return Object.values(value).flatMap(valuesOf)
}

function namesOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  return [...Object.keys(value), ...Object.values(value).flatMap(namesOf)]
}
