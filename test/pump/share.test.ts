import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shareOut } from '../../pump/share.ts'

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
const owners = (count: number, sinks: readonly string[]) => names('pump', count).map((owner) => ({ owner, sinks }))

function loadsOf(given: ReadonlyMap<string, string>): Map<string, number> {
  const loads = new Map<string, number>()
  for (const owner of given.values()) loads.set(owner, (loads.get(owner) ?? 0) + 1)
  return loads
}

test('every sink and shard has one owner, and no owner more than its part', () => {
  const counts = fc.record({
    pumps: fc.integer({ min: 1, max: 6 }),
    sinks: fc.integer({ min: 1, max: 6 }),
    shards: fc.integer({ min: 1, max: 16 }),
  })
  fc.assert(
    fc.property(counts, ({ pumps, sinks, shards }) => {
      const given = shareOut(owners(pumps, names('sink', sinks)), names('', shards))
      assert.equal(given.size, sinks * shards)
      for (const load of loadsOf(given).values()) assert.ok(load <= Math.ceil((sinks * shards) / pumps))
    }),
  )
})

test('the order in which owners are seen does not matter', () => {
  const all = owners(4, names('sink', 3))
  assert.deepEqual(shareOut(all, names('', 4)), shareOut(all.toReversed(), names('', 4)))
})

test('who does not know a sink is not given it, though it has less to do', () => {
  const given = shareOut(
    [
      { owner: 'old', sinks: ['file'] },
      { owner: 'new', sinks: ['file', 'otlp'] },
    ],
    names('', 8),
  )
  for (const [pair, owner] of given) if (pair.startsWith('otlp')) assert.equal(owner, 'new')
  assert.equal(given.size, 16)
})

test('when a pump comes, little moves that need not', () => {
  const sinks = names('sink', 4)
  const before = shareOut(owners(3, sinks), names('', 12))
  const after = shareOut(owners(4, sinks), names('', 12))
  const moved = [...after].filter(([pair, owner]) => before.get(pair) !== owner).length
  assert.ok(moved <= 24, `${moved} of 48 moved, where 12 must`)
})

test('nobody is there: nothing is given', () => {
  assert.equal(shareOut([], ['0']).size, 0)
})
