import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { Decoding } from '../../../gateway/detail/decoding.ts'

test('however many bodies come at once, each is decoded', async () => {
  const decoding = new Decoding()
  const texts = Array.from({ length: 40 }, (_, i) => `body ${i}`)
  const decoded = await Promise.all(texts.map((text) => decoding.decode(gzipSync(text), 'gzip', 100)))
  assert.deepEqual(
    decoded.map((one) => [String(one?.bytes), one?.isCut]),
    texts.map((text) => [text, false]),
  )
})

test('one that is broken holds up none of the others', async () => {
  const decoding = new Decoding()
  const broken = Array.from({ length: 10 }, () => decoding.decode(Buffer.from('nothing'), 'gzip', 100))
  const [last] = await Promise.all([decoding.decode(gzipSync('whole'), 'gzip', 100), ...broken])
  assert.equal(String(last?.bytes), 'whole')
  for (const one of broken) assert.deepEqual(await one, { bytes: Buffer.alloc(0), isCut: true })
})

test('what would take much memory to decode is not decoded', async () => {
  const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 }
  const encoded = zstdCompressSync(Buffer.alloc(200_000_000, 'x'), { params })
  assert.deepEqual(await new Decoding().decode(encoded, 'zstd', 100), { bytes: Buffer.alloc(0), isCut: true })
})

test('a coding that is not known is not decoded', () => {
  for (const coding of ['', 'compress', 'gzip, br', 'toString', '__proto__'])
    assert.equal(new Decoding().decode(Buffer.from('x'), coding, 1), undefined)
})
