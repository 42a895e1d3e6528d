import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blanks, lastingFields, shapeOptions } from '../../../pump/shape/options.ts'
import { everything, openShapes } from '../../../pump/shape/shape.ts'
import { type FieldName, fieldNames, fields, recordType } from '../../../record/fields.ts'
import { aRecord } from '../../../record/sample.ts'
import { HaltError } from '../../../sinks/sink.ts'
import { aShape, faultsOf, hashKey } from './shapes.ts'

const whole = () =>
  aRecord({ tags: { a: 'b' }, detail: { requestBody: 'x' }, userAgent: 'u', referer: 'r', country: 'DE', cache: 'hit' })

test('a sink gets the fields that are named, and always those without which a record is none', () => {
  const removable = fieldNames.filter((name) => !lastingFields.some((lasting) => lasting === name))
  fc.assert(
    fc.property(fc.subarray(fieldNames, { minLength: 1 }), fc.subarray(removable, { minLength: 1 }), (named, omit) => {
      const record = { ...whole(), team: 'a team of its own' }
      const shaped = aShape({ fields: named, omit }).apply(record)
      assert.ok(shaped)
      for (const name of fieldNames) {
        const isGone = removable.includes(name) && (!named.includes(name) || omit.includes(name))
        assert.deepEqual(shaped[name], isGone ? blanks[name] : record[name], name)
      }
      assert.deepEqual(recordType.safeParse(shaped).error, undefined)
    }),
  )
})

test('every field but the lasting ones has a value that says nothing', () => {
  const says = (value: unknown) => value !== '' && value !== 0 && value !== null && JSON.stringify(value) !== '{}'
  for (const name of fieldNames) {
    if (lastingFields.some((lasting) => lasting === name)) continue
    assert.ok(name in blanks && !says(blanks[name]), name)
    assert.ok(fields[name].type.safeParse(blanks[name]).success, name)
  }
})

test('a lasting field cannot be left out, and a misspelt one is answered with what was meant', () => {
  for (const name of lastingFields)
    assert.match(String(faultsOf({ omit: [name] })), new RegExp(`a record is nothing without "${name}"`))
  assert.deepEqual(faultsOf({ omit: ['consumr'] }), [
    'omit.0: a record has no field "consumr". Did you mean "consumer"?',
  ])
  assert.deepEqual(faultsOf({ fields: ['consumr' as FieldName] }), [
    'fields.0: a record has no field "consumr". Did you mean "consumer"?',
  ])
})

test('detail keeps within its bytes, in whole characters, and says what was cut', () => {
  const headers = fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 20 }), { maxKeys: 3 })
  const body = fc.string({ unit: 'binary', maxLength: 60 })
  const detail = fc.record(
    { requestHeaders: headers, responseHeaders: headers, requestBody: body, responseBody: body },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(detail, fc.integer({ min: 0, max: 150 }), (detail, detailMaxBytes) => {
      const shaped = aShape({ detailMaxBytes }).apply(aRecord({ detail }))?.detail
      assert.ok(shaped)
      const { truncated = [], ...parts } = shaped
      const texts = Object.values(parts).flatMap((part) =>
        typeof part === 'string' ? [part] : Object.entries<string>(part ?? {}).flat(),
      )
      assert.ok(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) <= detailMaxBytes)
      for (const [name, part] of Object.entries(detail)) {
        const kept = parts[name as keyof typeof parts] // the same names
        if (!truncated.includes(name)) assert.deepEqual(kept, part)
        else if (typeof part === 'string') assert.ok(part.startsWith(String(kept)))
      }
    }),
  )
})

test('a body that leaves room gives it to the other', () => {
  const shaped = aShape({ detailMaxBytes: 10 }).apply(
    aRecord({ detail: { requestBody: 'ab', responseBody: '0123456789' } }),
  )
  assert.deepEqual(shaped?.detail, { requestBody: 'ab', responseBody: '01234567', truncated: ['responseBody'] })
})

test('without a shape there is nothing to apply, and a seal says so as it always did', () => {
  assert.equal(openShapes(shapeOptions.parse({})).current, undefined)
  assert.equal(everything, '{}')
  assert.equal(openShapes().sealed('{}'), undefined)
})

test('what a seal keeps makes the same records as what it was made of, whatever the config says by then', () => {
  const options = shapeOptions.parse({
    filter: { allow: [{ status: ['2xx', 404], api: 'o*' }], block: [{ failed: true }] },
    sample: { oneIn: 3, keep: [{ status: 404 }] },
    omit: ['path'],
    redact: { consumer: 'hash', clientIp: 'mark', 'detail.body.password': 'mark' },
    detailMaxBytes: 100,
  })
  const before = openShapes(options, [hashKey]).current
  assert.ok(before)
  const after = openShapes(shapeOptions.parse({ omit: ['api'] }), ['another key of this day', hashKey]).sealed(
    before.json,
  )
  assert.ok(after)
  assert.equal(after.json, before.json)
  for (let i = 0; i < 200; i++) {
    const record = { ...whole(), status: [200, 404, 500][i % 3] ?? 200, api: i % 2 ? 'orders' : 'x' }
    assert.deepEqual(after.apply(record), before.apply(record))
  }
})

test('a seal gives no key away', () => {
  const { current } = openShapes(shapeOptions.parse({ redact: { consumer: 'hash' } }), [hashKey])
  assert.ok(current && !current.json.includes(hashKey))
})

test('rules that this process cannot apply halt the sink with what to do', () => {
  const { current } = openShapes(shapeOptions.parse({ redact: { consumer: 'hash' } }), [hashKey])
  const halts = (json: string, message: RegExp, keys: string[] = []) =>
    assert.throws(
      () => openShapes({}, keys).sealed(json),
      (error) => error instanceof HaltError && message.test(error.message),
    )
  halts(current?.json ?? '', /hash with a key which the config no longer has .* pump\.hashKeys/, [
    'another key of this day',
  ])
  halts('{"version":2,"weather":"sunny"}', /of version 2, and this Penstock knows version 1: run the newer one/)
  halts('{"version":1,"weather":"sunny"}', /that cannot be read/)
  halts('{"vers', /that cannot be read/)
})
