import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endOf } from '../../buffer/buffer.ts'
import { until } from '../services/until.ts'
import {
  afterDeath,
  aProducer,
  append,
  at,
  ledger,
  type MakeLog,
  nothingElse,
  readAll,
  report,
  sealTo,
  take,
  tenRecords,
} from './scratch-log.ts'

/** What holds of letting go: of records, of frames, of sinks, whatever keeps the log. */
export function retentionContract(make: MakeLog): void {
  test('eviction gives up one sink’s oldest records, counted, with their seals', async () => {
    await using opened = await tenRecords(make)
    const { scratch, log, reader } = opened
    await take(log, { sink: 'b' })
    await sealTo(reader, at(0), at(2))
    await sealTo(reader, at(2), at(6))
    const left = await sealTo(reader, at(6), at(8))
    await assert.rejects(reader.evict(at(4), 4), 'a block cannot be halved')
    for (let i = 0; i < 2; i++) await reader.evict(at(6), 6)
    await reader.evict(at(2), 2)
    const { evicted, backlog, appended } = await ledger(log)
    assert.deepEqual({ evicted, backlog, appended }, { evicted: 6, backlog: 4, appended: 10 })
    assert.equal((await ledger(log, 'b')).backlog, 10)
    const next = await take(await scratch.open())
    assert.deepEqual({ cursor: next.cursor, seals: next.seals }, { cursor: at(6), seals: afterDeath(left) })
    await next.settle(left, { delivered: 2, ...nothingElse })
  })

  test('trimming lets go of what every sink has passed, and of nothing beyond', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const other = await take(log, { sink: 'b' })
    assert.equal(await log.trim(), 0)
    await reader.settle(await sealTo(reader, at(0), at(10)), { delivered: 10, ...nothingElse })
    assert.equal(await log.trim(), 0)
    await other.settle(await sealTo(other, at(0), at(4, 1)), { delivered: 5, ...nothingElse })
    assert.equal(await log.trim(), 2)
    assert.deepEqual(
      (await readAll(other, at(4, 1))).map(({ offset }) => offset),
      [4, 6, 8],
    )
    await sealTo(other, at(4, 1), at(10))
    assert.equal(await log.trim(), 0)
    assert.equal((await readAll(other, at(4, 1))).length, 3)
    assert.equal((await report(log)).bytes, 3 * 'p1/1/0'.length)
  })

  test('trimming ends right before the slowest cursor, where frames are of one record too', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer().frames(1, 1, 1, 1, 1, 1))
    const reader = await take(log)
    const offsets = async () => (await log.peek(log.shards[0]!, at(0), { maxBytes: 1e6 })).map(({ offset }) => offset)
    await reader.settle(await sealTo(reader, at(0), at(2)), { delivered: 2, ...nothingElse })
    assert.equal(await log.trim(), 2)
    assert.deepEqual(await offsets(), [2, 3, 4, 5])
    await reader.settle(await sealTo(reader, at(2), at(3)), { delivered: 1, ...nothingElse })
    assert.equal(await log.trim(), 1)
    assert.deepEqual(await offsets(), [3, 4, 5])
  })

  test('trimming keeps what was appended since a time, though every sink has passed it', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    const reader = await take(log)
    const producer = aProducer()
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      await append(log, producer.frames(2, 2))
      times.push((await readAll(reader)).at(-1)!.appendedAtMs)
      await until(() => Date.now() > times[i]!, { what: 'the clock to go on' })
    }
    await reader.settle(await sealTo(reader, at(0), at(12)), { delivered: 12, ...nothingElse })
    const held = async () => (await log.peek(log.shards[0]!, at(0), { maxBytes: 1e6 })).map(({ offset }) => offset)
    assert.equal(await log.trim({ keepSinceMs: 0 }), 0)
    assert.equal(await log.trim({ keepSinceMs: times[0]! + 1 }), 2)
    assert.deepEqual(await held(), [4, 6, 8, 10])
    assert.equal(await log.trim({ keepSinceMs: times[0]! + 1 }), 0)
    assert.equal(await log.trim({ keepSinceMs: times[2]! }), 2)
    assert.deepEqual(await held(), [8, 10])
    assert.equal((await report(log)).bytes, 2 * 'p1/1/0'.length)
    assert.equal(await log.trim({ keepSinceMs: times[2]! + 1 }), 2)
  })

  test('without a sink nothing is trimmed', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer().frames(2, 2))
    assert.equal(await log.trim(), 0)
    assert.equal((await readAll(await take(log))).length, 2)
  })

  test('the end of a trimmed frame is still a place to read on from', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    await reader.settle(await sealTo(reader, at(0), at(10)), { delivered: 10, ...nothingElse })
    assert.equal(await log.trim(), 5)
    assert.deepEqual(await readAll(reader, at(10)), [])
    await append(log, aProducer({ boot: 2 }).frames(7))
    const [frame] = await readAll(reader, at(10))
    assert.deepEqual(endOf(frame!), at(17))
    assert.equal((await ledger(log)).backlog, 7)
  })

  test('a retired sink no longer holds the log, and leaves nothing behind', async () => {
    await using opened = await tenRecords(make)
    const { scratch, log, reader } = opened
    const other = await take(log, { sink: 'b' })
    await other.settle(await sealTo(other, at(0), at(10)), { delivered: 10, ...nothingElse })
    const state = new Map([['k', Buffer.from('v')]])
    const letter = { form: 'json', bytes: Buffer.from('{}'), reason: 'bad' } as const
    await reader.settle(await sealTo(reader, at(0), at(2)), { delivered: 1, filtered: 0, deadLetters: [letter], state })
    await sealTo(reader, at(2), at(4))
    for (let i = 0; i < 2; i++) await log.retire('a')
    assert.deepEqual(
      (await report(log)).ledgers.map(({ sink }) => sink),
      ['b'],
    )
    assert.deepEqual(await log.deadLetters('a', { limit: 1 }), [])
    assert.equal(await log.trim(), 5)
    const again = await take(await scratch.open())
    assert.deepEqual(
      { cursor: again.cursor, seals: again.seals, state: again.state.size },
      { cursor: at(10), seals: [], state: 0 },
    )
    await assert.rejects(sealTo(reader, at(2), at(4)), { name: 'FencedError' })
  })
}
