import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nthRecord } from './record.ts'
import { Accepted, type JudgedLife, SinkCount } from './tally.ts'

const life = { number: 3, startMs: 1_700_000_000_000 }

function aLife(overrides: Partial<JudgedLife> = {}): JudgedLife {
  return {
    life,
    boot: { producer: 'p', boot: 1 },
    ...{ made: 10, appended: 10, durable: 10, refused: [], poison: new Set(), end: undefined },
    ...overrides,
  }
}

const held = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => nthRecord(life, from + i)).map(({ id, path }) => ({ id, path }))

test('a sink that holds every accepted record once has lost and doubled none', () => {
  const count = new SinkCount(new Accepted([aLife()]))
  count.hold(held(0, 4))
  count.hold(held(4, 10))
  const { held: there, lost, doubled, foreign, example } = count.result()
  assert.deepEqual(
    { there, lost, doubled, foreign, example },
    { there: 10, lost: 0, doubled: 0, foreign: 0, example: undefined },
  )
})

test('what is missing is lost, and what is there again is doubled; both are named', () => {
  const missing = new SinkCount(new Accepted([aLife()]))
  missing.hold(held(0, 7))
  missing.hold(held(8, 10))
  assert.equal(missing.result().lost, 1)
  assert.match(missing.result().example ?? '', /\/chaos\/3\/7/)
  const doubled = new SinkCount(new Accepted([aLife()]))
  doubled.hold(held(0, 10))
  doubled.hold(held(2, 4))
  assert.equal(doubled.result().doubled, 2)
  assert.equal(doubled.result().doubledInPart, 0)
})

test('records that come again with others than before are told apart from a block that comes again', () => {
  const count = new SinkCount(new Accepted([aLife()]))
  count.hold(held(0, 5))
  count.hold(held(3, 10))
  assert.equal(count.result().doubledInPart, 2)
})

test('what was refused, and what a killed producer had not made durable, must not be there', () => {
  const accepted = new Accepted([aLife({ refused: [[2, 4]], appended: 6 })])
  assert.equal(accepted.records, 6)
  assert.deepEqual(
    [...accepted.each()].map(({ n }) => n),
    [0, 1, 4, 5, 6, 7],
  )
  const count = new SinkCount(accepted)
  count.hold(held(0, 10))
  assert.equal(count.result().foreign, 4)
})

test('a record whose id is not that of its content is foreign, and the right one is lost', () => {
  const count = new SinkCount(new Accepted([aLife({ made: 2, appended: 2 })]))
  const [first, second] = held(0, 2)
  count.hold([first!, { ...second!, id: first!.id }]) // both were just made
  const { lost, foreign } = count.result()
  assert.deepEqual({ lost, foreign }, { lost: 1, foreign: 1 })
})

test('a poison record is a dead letter or held, and nothing else is a dead letter', () => {
  const count = new SinkCount(new Accepted([aLife({ poison: new Set([9]) })]))
  count.hold(held(0, 9))
  for (const letter of held(9, 10)) count.deadLetter(letter)
  assert.deepEqual([count.result().lost, count.result().deadLettered, count.result().wrongDeadLetters], [0, 1, 0])
  for (const letter of held(1, 2)) count.deadLetter(letter)
  assert.equal(count.result().wrongDeadLetters, 1)
})
