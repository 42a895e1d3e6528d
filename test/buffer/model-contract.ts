import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { emptyModel, heldFrames, isRetried, ledgersOf, type ModelSink, producersOf } from './model.ts'
import { steps } from './model-steps.ts'
import type { Choice, World } from './model-world.ts'
import { type MakeLog, report } from './scratch-log.ts'

/** What happens most while a log is in use comes more often than what is rare. */
const names = Object.keys(steps).flatMap((name) =>
  Array<string>(['append', 'take', 'seal', 'settle'].includes(name) ? 4 : 1).fill(name),
)

/** Even over all shares: doubles would mostly be next to nothing. */
const share = fc.nat({ max: 1000 }).map((thousandths) => thousandths / 1000)
const hourEnd = Math.ceil(Date.now() / 3_600_000) * 60
const choice: fc.Arbitrary<Choice> = fc.record({
  producer: fc.constantFrom('p1', 'p2'),
  sink: fc.constantFrom('a', 'b'),
  counts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  startAt: fc.constantFrom('oldest', 'now', 'time'),
  key: fc.constantFrom('x', 'y'),
  minute: fc.record({
    minute: fc.constantFrom(5, hourEnd - 1, hourEnd, hourEnd + 10),
    records: fc.integer({ min: 1, max: 1000 }),
    idSum: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  }),
  one: share,
  other: share,
})

/** Whatever happens in whatever order, the log is what a pure model says. */
export function modelContract(make: MakeLog): void {
  test('after any steps the log holds what the model holds, and every ledger adds up', async () => {
    const history = fc.array(fc.tuple(fc.constantFrom(...names), choice), { maxLength: 80, size: 'max' })
    await fc.assert(
      fc.asyncProperty(history, async (taken) => {
        await using scratch = await make()
        const world = emptyWorld(await scratch.open())
        for (const [name, one] of taken) {
          await steps[name]?.(world, one)
          await compare(world)
        }
      }),
      { numRuns: 40 }, // a few seconds; 2,000 were run while this was written
    )
  })
}

function emptyWorld(log: World['log']): World {
  const maps = { producers: new Map(), readers: new Map(), zombies: new Map(), lastSettled: new Map() }
  return { log, model: emptyModel(), ...maps }
}

async function compare({ log, model }: World): Promise<void> {
  const { ledgers, producers, bytes, cumulative } = await report(log)
  assert.deepEqual(
    { ledgers: ledgers.map(({ oldestAtMs, ...counts }) => counts), producers, bytes, cumulative },
    {
      ledgers: ledgersOf(model),
      producers: producersOf(model),
      bytes: heldFrames(model).reduce((sum, { text }) => sum + text.length, 0),
      cumulative: model.cumulative,
    },
  )
  assert.deepEqual(await log.end(log.shards[0]!), { offset: cumulative, index: 0 })
  for (const { sink, appended, delivered, filtered, deadLettered, evicted, backlog, oldestAtMs } of ledgers) {
    assert.equal(appended, delivered + filtered + deadLettered + evicted + backlog)
    assert.equal(oldestAtMs !== undefined, backlog > 0, 'what waits has an age')
    await compareSink(log, sink, model.sinks.get(sink)!) // the ledgers are the model's
  }
}

async function compareSink(log: World['log'], name: string, sink: ModelSink): Promise<void> {
  const kept = await log.deadLetters(name, { limit: 1000 })
  assert.deepEqual(
    kept.map(({ reason, form, isRetried }) => ({ reason, form, isRetried })),
    sink.letters.map((letter) => ({ ...letter, isRetried: isRetried(sink, letter) })),
  )
  const minutes = [...sink.minutes.values()].sort((a, b) => a.minute - b.minute)
  assert.deepEqual(await log.minutes(name, { from: 0, to: Number.POSITIVE_INFINITY }), minutes)
}
