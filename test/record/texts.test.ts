import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { Texts } from '../../record/texts.ts'

const packr = new Packr({ useRecords: false })

test('a text has one place, in the order of their coming', () => {
  const texts = new Texts()
  assert.deepEqual(
    ['a', 'b', 'a', '', 'b'].map((text) => texts.place(text)),
    [0, 1, 0, 2, 1],
  )
  assert.deepEqual([[...texts], texts.size], [['a', 'b', ''], 3])
})

test('whatever comes and goes, the places hold and the bytes are enough', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.nat(20)), { maxLength: 60 }), (steps) => {
      const texts = new Texts()
      const expected: string[] = []
      for (const step of steps) {
        if (typeof step === 'number') {
          texts.shrink(step)
          expected.splice(step)
        } else {
          if (!expected.includes(step)) expected.push(step)
          assert.equal(texts.place(step), expected.indexOf(step))
        }
        assert.deepEqual([...texts], expected)
        assert.ok(texts.bytes >= packr.pack(expected).length)
      }
    }),
  )
})

test('what is let go of leaves no bytes behind', () => {
  const texts = new Texts()
  texts.place('stays')
  const { bytes } = texts
  texts.place('goes 漢')
  texts.shrink(1)
  assert.equal(texts.bytes, bytes)
})
