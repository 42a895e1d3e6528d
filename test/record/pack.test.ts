import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { makePacker } from '../../record/pack.ts'
import { Texts } from '../../record/texts.ts'

const msgpack = new Packr({ useRecords: false, moreTypes: false })

interface Thing {
  readonly name: unknown
  readonly size: unknown
  readonly tags: unknown
  readonly rest: unknown
}

const packThing = makePacker<Thing>(
  new Map([
    ['name', 'text'],
    ['size', 'number'],
    ['tags', 'map'],
    ['rest', 'any'],
  ]),
)
const pack = (thing: Thing) => packThing(thing, new Texts())

const unpack = (packed: Uint8Array): unknown => msgpack.unpack(packed)

test('what is packed is MessagePack, whatever the values are', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 30, maxLength: 70 }))
  const key = text.filter((name) => name !== '__proto__')
  const number = fc.oneof(fc.nat(), fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true }), fc.nat(300))
  const any = fc.jsonValue({ maxDepth: 3 })
  const thing = fc.record({
    name: fc.oneof({ weight: 5, arbitrary: text }, any),
    size: fc.oneof({ weight: 5, arbitrary: number }, any),
    tags: fc.oneof(fc.constantFrom(null, 'no map'), fc.dictionary(key, fc.oneof(text, any), { maxKeys: 40 })),
    rest: any,
  })
  fc.assert(
    fc.property(fc.array(thing, { maxLength: 30 }), (things) => {
      const packed = things.map(pack)
      for (const [i, { name, size, tags, rest }] of things.entries())
        assert.deepEqual(unpack(packed[i]!), unpack(msgpack.pack([name, size, tags, rest])))
    }),
  )
})

test('every length of text comes back, in ASCII and beyond', () => {
  const lengths = [0, 1, 31, 32, 63, 64, 65, 255, 256, 20_000, 21_845, 21_846, 65_535, 65_536, 300_000]
  for (const letter of ['a', 'é', '漢', '😀'])
    for (const length of lengths) {
      const name = letter.repeat(length)
      assert.deepEqual(unpack(pack({ name, size: 1, tags: { [name.slice(0, 100)]: name }, rest: null })), [
        name,
        1,
        { [name.slice(0, 100)]: name },
        null,
      ])
    }
})

test('half a character becomes the replacement character, as everywhere', () => {
  const [name] = unpack(pack({ name: 'a\ud83d', size: 0, tags: {}, rest: null })) as unknown[] // an array is packed
  assert.equal(name, 'a\ufffd')
})

test('what was packed stays as it is while more is packed', () => {
  const packed = Array.from({ length: 5000 }, (_, i) => pack({ name: `thing ${i}`, size: i, tags: {}, rest: null }))
  for (const [i, bytes] of packed.entries()) assert.deepEqual(unpack(bytes), [`thing ${i}`, i, {}, null])
})

test('a large value does not make the small ones after it hold on to its memory', () => {
  pack({ name: 'x'.repeat(3_000_000), size: 0, tags: {}, rest: null })
  const small = pack({ name: 'x', size: 0, tags: {}, rest: null })
  assert.ok(small.buffer.byteLength < 100_000)
})

test('a value that throws while it is read leaves the next one whole', () => {
  const broken = {
    name: 'x',
    get size(): number {
      throw new Error('a fault of ours')
    },
    tags: {},
    rest: null,
  }
  assert.throws(() => pack(broken), /a fault of ours/)
  assert.deepEqual(unpack(pack({ name: 'y', size: 1, tags: {}, rest: null })), ['y', 1, {}, null])
})

test('a text that is shared is packed as its place, and something else as nothing', () => {
  const packShared = makePacker<{ name: unknown }>(new Map([['name', 'shared']]))
  const texts = new Texts()
  const packed = ['a', 'b', 'a', 7, '', 'b'].map((name) => unpack(packShared({ name }, texts)))
  assert.deepEqual(packed, [[0], [1], [0], [null], [2], [1]])
  assert.deepEqual([...texts], ['a', 'b', ''])
})
