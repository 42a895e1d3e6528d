import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FencedError, type Buffer as Log, type Reader } from '../../buffer/buffer.ts'
import { kafkaPlace } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { openLog } from './kafka-log.ts'
import { aProducer, append, at, ledger, nothingElse, sealTo, take, tryTake } from './scratch-log.ts'

/** Takes what it can get of a sink's shards, as a pump does. */
class Pump {
  readonly held = new Map<string, Reader>()
  readonly left: Reader[] = []
  readonly #log: Log
  readonly #owner: string

  constructor(log: Log, owner: string) {
    this.#log = log
    this.#owner = owner
  }

  async turn(): Promise<number> {
    for (const [shard, reader] of this.held)
      if (reader.lost.aborted) {
        this.held.delete(shard)
        this.left.push(reader)
      }
    for (const shard of this.#log.shards) {
      const reader = this.held.has(shard) ? undefined : await tryTake(this.#log, { owner: this.#owner, shard })
      if (reader) this.held.set(shard, reader)
    }
    return this.held.size
  }
}

/** Each has a log of its own, as processes have. */
async function pumpsOver(t: TestContext, partitions: number, count: number) {
  const place = { ...(await kafkaPlace()), partitions }
  const logs = await Promise.all(Array.from({ length: count }, () => openLog(t, place)))
  return { logs, pumps: logs.map((log, i) => new Pump(log, `o${i}`)) }
}

async function untilHeld(pumps: readonly Pump[], counts: readonly number[]): Promise<void> {
  const held = async () => {
    const sizes: number[] = []
    for (const pump of pumps) sizes.push(await pump.turn())
    return `${sizes.sort()}` === `${[...counts].sort()}`
  }
  await until(held, { what: `the shards to be held as ${counts}`, timeoutMs: 30_000 })
}

test('processes that come get their share of a sink’s shards, one after the other, and those that go leave theirs', async (t) => {
  const { logs, pumps } = await pumpsOver(t, 4, 3)
  const [first, second] = pumps
  await untilHeld([first!], [4])
  await untilHeld([first!, second!], [2, 2])
  await untilHeld(pumps, [1, 1, 2])
  for (const { lost } of first!.left) assert.ok(lost.reason instanceof FencedError)
  await logs[0]![Symbol.asyncDispose]()
  await untilHeld(pumps.slice(1), [2, 2])
  await logs[1]![Symbol.asyncDispose]()
  await untilHeld(pumps.slice(2), [4])
})

test('a shard that goes to another process takes its sealed blocks along, and nobody has died of them', async (t) => {
  const { logs, pumps } = await pumpsOver(t, 2, 2)
  const [log] = logs
  const [first, second] = pumps
  for (const producer of ['p1', 'p2', 'p3', 'p4']) await append(log!, aProducer({ producer }).frames(2, 2))
  await untilHeld([first!], [2])
  const last = first!.held.get('1')!
  const seal = await sealTo(last, at(0), at(2))
  await untilHeld([first!, second!], [1, 1])
  const moved = second!.held.get('1')!
  assert.deepEqual(moved.seals, [seal])
  await assert.rejects(last.settle(seal, { delivered: 2, ...nothingElse }), FencedError)
  await moved.settle(seal, { delivered: 2, ...nothingElse })
})

test('a single shard stays with its owner however many want it', async (t) => {
  const { logs, pumps } = await pumpsOver(t, 1, 2)
  const reader = await take(logs[0]!, { owner: 'o0' })
  let turns = 0
  await until(async () => {
    assert.equal(await pumps[1]!.turn(), 0)
    return turns++ > 20
  })
  assert.equal(reader.lost.aborted, false)
  assert.equal((await ledger(logs[0]!)).backlog, 0)
})
