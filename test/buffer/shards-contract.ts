import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Buffer as Log } from '../../buffer/buffer.ts'
import { until } from '../services/until.ts'
import { aProducer, append, at, report, sealTo, take } from './scratch-log.ts'

const letter = (reason: string) => ({ form: 'json', bytes: Buffer.from('{}'), reason }) as const

/** What holds of a log of several shards, whatever keeps it; `open` gives a new one. */
export function shardsContract(open: (t: TestContext, shards: number) => Promise<Log>): void {
  test('dead letters of all shards are in one order, whose ids say their shard', async (t) => {
    const log = await open(t, 3)
    for (const producer of ['p1', 'p2', 'p3', 'p4', 'p5', 'p6']) await append(log, aProducer({ producer }).frames(10))
    const readers = await Promise.all(log.shards.map((shard) => take(log, { shard })))
    assert.ok(
      (await log.inspect()).every(({ cumulative }) => cumulative >= 10),
      'each shard has a producer',
    )
    const settle = async (which: number, from: number, reason: string) =>
      await readers[which]!.settle(await sealTo(readers[which]!, at(0, from), at(0, from + 2)), {
        ...{ delivered: 1, filtered: 0, deadLetters: [letter(reason)] },
        minutes: [{ minute: 7, records: 1, idSum: 2 ** 47 }],
      })
    const reasons = ['1', '2', '3', '4', '5', '6']
    for (const [i, reason] of reasons.entries()) {
      const begunAtMs = Date.now()
      await until(() => Date.now() > begunAtMs, {
        what: 'the clock to go on: of one millisecond nobody knows the order',
      })
      await settle((i * 2) % 3, Math.floor(i / 3) * 2, reason)
    }

    const all = await log.deadLetters('a', { limit: 10 })
    assert.deepEqual(
      all.map(({ shard }) => shard),
      ['0', '2', '1', '0', '2', '1'],
    )
    assert.equal(new Set(all.map(({ id }) => id)).size, 6)
    const paged: string[] = []
    for (let after = 0; ; ) {
      const page = await log.deadLetters('a', { limit: 2, after })
      const last = page.at(-1)
      if (!last) break
      paged.push(...page.map(({ reason }) => reason))
      after = last.id
    }
    assert.deepEqual(paged, reasons)
    const ids = all.map(({ id }) => id)
    assert.equal(await log.retryDeadLetters('a', ids.slice(0, 4)), 4)
    const batches = await Promise.all(readers.map((reader) => reader.retries()))
    assert.deepEqual(
      batches.map((of) => of.map(({ letters }) => letters.map(({ reason }) => reason))),
      [[['1', '4']], [['3']], [['2']]],
    )
    assert.equal(await log.dropDeadLetters('a', ids), 2)
    for (const [i, [batch]] of batches.entries()) await readers[i]!.settleRetry(batch!, { rejected: new Map() })
    assert.deepEqual(await log.deadLetters('a', { limit: 10 }), [])
    assert.deepEqual(await log.minutes('a', { from: 0, to: 10 }), [{ minute: 7, records: 6, idSum: 0 }])
  })

  test('each shard is looked into by itself, and one that is not there is named', async (t) => {
    const log = await open(t, 2)
    await append(log, aProducer().frames(3))
    const ends = await Promise.all(log.shards.map((shard) => log.end(shard)))
    const { cumulative } = await report(log)
    assert.deepEqual(ends, cumulative === 3 ? [at(3), at(0)] : [at(0), at(3)])
    const peeked = await Promise.all(log.shards.map((shard) => log.peek(shard, at(0), { maxBytes: 1 })))
    assert.deepEqual(
      peeked.map((frames) => frames.length),
      cumulative === 3 ? [1, 0] : [0, 1],
    )
    for (const call of [
      () => log.end('7'),
      () => log.peek('7', at(0), { maxBytes: 1 }),
      () => take(log, { shard: '7' }),
    ])
      await assert.rejects(call(), { message: 'The log has no shard 7; there are 0, 1.' })
  })
}
