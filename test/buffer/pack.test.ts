import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packToFit } from '../../buffer/pack.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { decodeFrame, layFrame, packRecord, recordMaxBytes, stampFrame, Undecodable } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { Texts } from '../../record/texts.ts'

const mega = 1024 * 1024

function packedAndBack(record: RequestRecord): RequestRecord {
  const texts = new Texts()
  const packed = packToFit(record, texts)
  assert.ok(packed)
  assert.ok(packed.length + texts.bytes <= recordMaxBytes)
  const frame = layFrame([packed], texts)
  stampFrame(frame, { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 1, seq: 0, made: 1 })
  const [decoded] = decodeFrame(frame)
  assert.ok(decoded && !(decoded instanceof Undecodable))
  return decoded
}

test('a record that fits is packed as it is', () => {
  const record = aRecord({ detail: { requestBody: 'x'.repeat(mega), responseHeaders: { a: 'b' } } })
  assert.deepEqual(packToFit(record, new Texts()), packRecord(record, new Texts()))
})

test('bodies that are too large are cut, and named', () => {
  const detail = { requestHeaders: { a: 'b' }, requestBody: 'short', responseBody: 'é'.repeat(4 * mega) }
  const record = aRecord({ detail })
  const { detail: kept, ...rest } = packedAndBack(record)
  const responseBody = 'é'.repeat(256 * 1024)
  assert.deepEqual(kept, { ...detail, responseBody, truncated: ['responseBody'] })
  assert.deepEqual(rest, (({ detail: _, ...others }) => others)(record))
})

test('a part that was cut before is named once', () => {
  const detail = { requestBody: 'x'.repeat(5 * mega), truncated: ['requestBody'] }
  assert.deepEqual(packedAndBack(aRecord({ detail })).detail?.truncated, ['requestBody'])
})

test('a cut through a character leaves no half of it', () => {
  const detail = { requestBody: `x${'😀'.repeat(3 * mega)}` }
  const body = packedAndBack(aRecord({ detail })).detail?.requestBody
  assert.equal(body?.length, 256 * 1024)
  assert.ok(body.isWellFormed())
})

test('where cutting bodies is not enough the detail goes, and its parts are named', () => {
  const requestHeaders = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`h${i}`, 'x'.repeat(mega)]))
  const { detail } = packedAndBack(aRecord({ detail: { requestHeaders, requestBody: 'small' } }))
  assert.deepEqual(detail, { truncated: ['requestHeaders', 'requestBody'] })
})

test('a record that is too large without its detail does not fit', () => {
  const path = 'x'.repeat(5 * mega)
  const texts = new Texts()
  texts.place('of another record')
  const { size, bytes } = texts
  assert.equal(packToFit(aRecord({ path }), texts), undefined)
  assert.equal(packToFit(aRecord({ path, detail: { requestBody: 'x' } }), texts), undefined)
  assert.equal(packToFit(aRecord({ userAgent: path }), texts), undefined)
  assert.deepEqual([texts.size, texts.bytes], [size, bytes], 'nothing of it stays')
})
