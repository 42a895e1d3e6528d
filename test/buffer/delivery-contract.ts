import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Position } from '../../buffer/buffer.ts'
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
  sealTo,
  take,
  tenRecords,
  textOf,
} from './scratch-log.ts'

/** What holds of reading, sealing and settling, whatever keeps the log. */
export function deliveryContract(make: MakeLog): void {
  test('a read gives whole frames from the one that the position points into, at least one, about as many bytes as wanted', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer({ frameBytes: 1000 }).frames(2, 2, 2, 2, 2))
    const reader = await take(log)
    const offsets = async (from: Position, maxBytes: number) =>
      (await reader.read(from, { maxBytes })).map(({ offset }) => offset)
    assert.deepEqual(await offsets(at(0), 1), [0])
    assert.deepEqual(await offsets(at(2, 1), 1), [2])
    assert.deepEqual(await offsets(at(2, 1), 1_000_000), [2, 4, 6, 8])
    const some = await offsets(at(0), 2500)
    assert.ok(some.length >= 2 && some.length <= 4, `${some.length} frames for 2,500 bytes of 1,000 each`)
    assert.deepEqual(await offsets(at(10), 1000), [])
    await append(log, aProducer({ boot: 2 }).frames(1))
    assert.deepEqual(await offsets(at(10), 1000), [10])
  })

  test('each sink reads all of the log at its own pace', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const other = await take(log, { sink: 'b' })
    await reader.settle(await sealTo(reader, at(0), at(10)), { delivered: 10, ...nothingElse })
    assert.equal((await readAll(other)).length, 5)
    assert.deepEqual((await ledger(log, 'a')).backlog, 0)
    assert.deepEqual((await ledger(log, 'b')).backlog, 10)
  })

  test('a sink that the log has never seen begins with the oldest frame held, or now; a known one where it was', async () => {
    await using opened = await tenRecords(make)
    const { scratch, log, reader } = opened
    await reader.settle(await sealTo(reader, at(0), at(4)), { delivered: 4, ...nothingElse })
    await log.trim()
    assert.deepEqual((await take(log, { sink: 'old' })).cursor, at(4))
    assert.deepEqual((await take(log, { sink: 'new', startAt: 'now' })).cursor, at(10))
    await append(log, aProducer({ boot: 2 }).frames(3))
    const again = await scratch.open()
    assert.deepEqual((await take(again, { sink: 'new', startAt: 'oldest' })).cursor, at(10))
    assert.deepEqual((await take(again, { sink: 'a', startAt: 'now' })).cursor, at(4))
    const { appended, backlog } = await ledger(log, 'new')
    assert.deepEqual({ appended, backlog }, { appended: 3, backlog: 3 })
  })

  test('a sink may begin with the first frame appended at or after a time, which need not be held any more or may not have come', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    const producer = aProducer()
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const begin = await log.end(log.shards[0]!)
      await append(log, producer.frames(3))
      const [frame] = await log.peek(log.shards[0]!, begin, { maxBytes: 1 })
      times.push(frame!.appendedAtMs)
      await until(() => Date.now() > times[i]!, { what: 'the clock to go on' })
    }
    const startOf = async (sink: string, atMs: number) => (await take(log, { sink, startAt: { atMs } })).cursor
    assert.deepEqual(await startOf('second', times[1]!), at(3))
    assert.deepEqual(await startOf('fourth', times[2]! + 1), at(9))
    assert.deepEqual(await startOf('last', times[4]!), at(12))
    assert.deepEqual(await startOf('none', times[4]! + 60_000), at(15))
    assert.deepEqual(await startOf('all', 0), at(0))
    for (const sink of ['second', 'fourth', 'last', 'none']) await log.retire(sink)
    const all = await take(log, { sink: 'all' })
    await all.settle(await sealTo(all, at(0), at(6)), { delivered: 6, ...nothingElse })
    await log.trim()
    assert.deepEqual(await startOf('first held', times[0]!), at(6))
    const { appended, backlog } = await ledger(log, 'first held')
    assert.deepEqual({ appended, backlog }, { appended: 9, backlog: 9 })
  })

  test('a look into the log makes no reader and keeps nothing; it begins with the first frame held', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const shard = log.shards[0]!
    const offsets = async (from: number, maxBytes: number) =>
      (await log.peek(shard, at(from), { maxBytes })).map(({ offset }) => offset)
    assert.deepEqual(await offsets(0, 1_000_000), [0, 2, 4, 6, 8])
    assert.deepEqual(await offsets(4, 1), [4])
    assert.deepEqual(await log.end(shard), at(10))
    assert.deepEqual(await offsets(10, 1_000_000), [])
    assert.deepEqual(await log.peek(shard, at(2, 1), { maxBytes: 1 }), await reader.read(at(2, 1), { maxBytes: 1 }))
    await reader.settle(await sealTo(reader, at(0), at(6)), { delivered: 6, ...nothingElse })
    assert.equal(await log.trim(), 3)
    assert.deepEqual(await offsets(0, 1_000_000), [6, 8])
    assert.deepEqual(
      (await log.inspect()).flatMap(({ ledgers }) => ledgers.map(({ sink }) => sink)),
      ['a'],
    )
  })

  test('a sink that begins in an empty log gets what comes', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    const reader = await take(log)
    assert.deepEqual(await readAll(reader), [])
    assert.equal((await ledger(log)).oldestAtMs, undefined)
    await append(log, aProducer().frames(1))
    assert.equal((await readAll(reader)).length, 1)
  })

  test('seals outlive their owner and come back as they were, oldest first', async () => {
    await using opened = await tenRecords(make)
    const { scratch, reader } = opened
    const shape = '{"filter":"größer als „5“\\u0000"}'
    const first = await reader.seal({ from: at(0), to: at(2, 1), token: 'first', shape })
    const second = await reader.seal({ from: at(2, 1), to: at(6), token: 'second', shape: '{}' })
    const next = await take(await scratch.open())
    assert.deepEqual(next.seals, afterDeath(first, second))
    assert.deepEqual(next.cursor, at(0))
    const third = await sealTo(next, at(6), at(10))
    assert.deepEqual((await take(await scratch.open())).seals, afterDeath(...next.seals, third))
  })

  test('a seal begins where the last one ends, and ends behind its begin', async () => {
    await using opened = await tenRecords(make)
    const { scratch, reader } = opened
    await assert.rejects(sealTo(reader, at(2), at(4)))
    await sealTo(reader, at(0), at(4))
    await assert.rejects(sealTo(reader, at(2), at(6)))
    await assert.rejects(sealTo(reader, at(6), at(8)))
    await assert.rejects(sealTo(reader, at(4), at(4)))
    await assert.rejects(sealTo(reader, at(4), at(12)))
    assert.equal((await take(await scratch.open())).seals.length, 1)
  })

  test('a seal that is repeated is the same seal', async () => {
    await using opened = await tenRecords(make)
    const { scratch, reader } = opened
    const seal = await sealTo(reader, at(0), at(4))
    assert.deepEqual(await sealTo(reader, at(0), at(4)), seal)
    assert.deepEqual((await take(await scratch.open())).seals, afterDeath(seal))
  })

  test('a split makes one seal two in its place, in one step', async () => {
    await using opened = await tenRecords(make)
    const { scratch, reader } = opened
    const seal = await sealTo(reader, at(0), at(6), 'whole')
    const behind = await sealTo(reader, at(6), at(8), 'behind')
    const halves = await reader.split(seal, at(2, 1), ['left', 'right'])
    assert.deepEqual(
      halves.map(({ from, to, token, shape }) => ({ from, to, token, shape })),
      [
        { from: at(0), to: at(2, 1), token: 'left', shape: '{}' },
        { from: at(2, 1), to: at(6), token: 'right', shape: '{}' },
      ],
    )
    assert.deepEqual(await reader.split(seal, at(2, 1), ['left', 'right']), halves)
    await assert.rejects(reader.settle(seal, { delivered: 6, ...nothingElse }))
    const next = await take(await scratch.open())
    assert.deepEqual(next.seals, afterDeath(...halves, behind))
    for (const one of next.seals) await next.settle(one, { delivered: 1, ...nothingElse })
    assert.deepEqual((await take(await scratch.open())).cursor, at(8))
  })

  test('a seal is split only within, and only while it is there', async () => {
    await using opened = await tenRecords(make)
    const { scratch, reader } = opened
    const seal = await sealTo(reader, at(0), at(4))
    for (const place of [at(0), at(4), at(5)]) await assert.rejects(reader.split(seal, place, ['left', 'right']))
    assert.deepEqual((await take(await scratch.open())).seals, afterDeath(seal))
    const next = await take(await scratch.open())
    await next.settle(seal, { delivered: 4, ...nothingElse })
    await assert.rejects(next.split(seal, at(2), ['left', 'right']))
  })

  test('a settle moves the cursor, counts, keeps dead letters and state, and drops the seal, together and once', async () => {
    await using opened = await tenRecords(make)
    const { scratch, log, reader } = opened
    const seal = await sealTo(reader, at(0), at(4, 1))
    const letter = { form: 'json', bytes: Buffer.from('{"id":"x"}'), reason: 'refused: „nein“' } as const
    const state = new Map([['count', Buffer.from([0, 255, 10, 13])]])
    for (let i = 0; i < 2; i++) await reader.settle(seal, { delivered: 3, filtered: 1, deadLetters: [letter], state })
    const { oldestAtMs, ...counts } = await ledger(log)
    assert.deepEqual(counts, {
      ...{
        sink: 'a',
        appended: 10,
        delivered: 3,
        filtered: 1,
        deadLettered: 1,
        deadLettersHeld: 1,
        evicted: 0,
        backlog: 5,
      },
    })
    assert.ok(oldestAtMs)
    const [kept, ...others] = await log.deadLetters('a', { limit: 10 })
    assert.deepEqual(others, [])
    assert.deepEqual(
      { ...kept, bytes: textOf(kept!), atMs: 0 },
      {
        id: kept!.id,
        sink: 'a',
        shard: log.shards[0],
        atMs: 0,
        form: 'json',
        bytes: '{"id":"x"}',
        reason: letter.reason,
        isRetried: false,
      },
    )
    const next = await take(await scratch.open())
    assert.deepEqual({ cursor: next.cursor, seals: next.seals }, { cursor: at(4, 1), seals: [] })
    assert.deepEqual(
      [...next.state].map(([key, value]) => [key, [...value]]),
      [['count', [0, 255, 10, 13]]],
    )
    assert.deepEqual(
      (await next.read(next.cursor, { maxBytes: 1 })).map(({ offset }) => offset),
      [4],
    )
  })

  test('blocks settle in order only: one that is not the oldest is refused and changes nothing', async () => {
    await using opened = await tenRecords(make)
    const { scratch, log, reader } = opened
    const first = await sealTo(reader, at(0), at(4))
    const second = await sealTo(reader, at(4), at(8))
    const letter = { form: 'undecodable', bytes: Buffer.from('?'), reason: 'torn' } as const
    await assert.rejects(reader.settle(second, { delivered: 3, filtered: 0, deadLetters: [letter] }))
    assert.deepEqual(
      { ...(await ledger(log)), oldestAtMs: 0 },
      {
        ...{ sink: 'a', appended: 10, delivered: 0, filtered: 0, deadLettered: 0, deadLettersHeld: 0, evicted: 0 },
        ...{ backlog: 10, oldestAtMs: 0 },
      },
    )
    assert.deepEqual(await log.deadLetters('a', { limit: 10 }), [])
    assert.deepEqual((await take(await scratch.open())).seals, afterDeath(first, second))
  })

  test('a sink’s state is what settles made of it: entries put, replaced and deleted', async () => {
    await using opened = await tenRecords(make)
    const { scratch, reader } = opened
    const settle = async (from: number, to: number, state: Record<string, string>) =>
      await reader.settle(await sealTo(reader, at(from), at(to)), {
        ...{ delivered: to - from, ...nothingElse },
        state: new Map(Object.entries(state).map(([key, value]) => [key, Buffer.from(value)])),
      })
    await settle(0, 2, { kept: '1', replaced: '1', deleted: '1', 'größe/ä b': '1' })
    await settle(2, 4, { replaced: '2', deleted: '', never: '' })
    await reader.settle(await sealTo(reader, at(4), at(6)), { delivered: 2, ...nothingElse })
    const { state } = await take(await scratch.open())
    assert.deepEqual(Object.fromEntries([...state].map(([key, bytes]) => [key, textOf({ bytes })])), {
      kept: '1',
      replaced: '2',
      'größe/ä b': '1',
    })
  })
}
