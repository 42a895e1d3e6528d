import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferFullError, endOf, GapError } from '../../buffer/buffer.ts'
import {
  aProducer,
  append,
  ledger,
  type MakeLog,
  nothingElse,
  readAll,
  report,
  sealTo,
  take,
  textOf,
} from './scratch-log.ts'

/** What holds of appending, whatever keeps the log. */
export function appendContract(make: MakeLog): void {
  test('frames are read as they were appended, with the counts stamped beside them', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    const frames = aProducer().frames(3, 1, 500)
    await append(log, frames)
    const read = await readAll(await take(log))
    assert.deepEqual(
      read.map(({ offset, count, cumulative }) => ({ offset, count, cumulative })),
      [
        { offset: 0, count: 3, cumulative: 3 },
        { offset: 3, count: 1, cumulative: 4 },
        { offset: 4, count: 500, cumulative: 504 },
      ],
    )
    assert.deepEqual(read.map(textOf), frames.map(textOf))
    for (const { appendedAtMs } of read) assert.ok(Math.abs(appendedAtMs - Date.now()) < 60_000)
  })

  test('bytes that are no text come back unchanged', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256))
    await append(log, [{ ...aProducer().frames(1)[0]!, bytes }])
    const [frame] = await readAll(await take(log))
    assert.deepEqual(Buffer.from(frame!.bytes), bytes)
  })

  test('an append that is repeated, in whole or in part, adds nothing twice', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    const frames = aProducer().frames(2, 2, 2)
    await append(log, frames.slice(0, 2))
    await append(log, frames.slice(0, 2))
    await append(await scratch.open(), frames)
    await append(log, [])
    assert.deepEqual((await readAll(await take(log))).map(textOf), frames.map(textOf))
    assert.deepEqual((await report(log)).producers, [{ producer: 'p1', boot: 1, nextSeq: 3, appended: 6, skipped: 0 }])
  })

  test('a gap is refused with the seq to go on from, and nothing behind it gets in', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await using writer = await log.writer()
    const [first, second, third, fourth] = aProducer().frames(1, 1, 1, 1)
    await assert.rejects(writer.append([second!]), (error) => error instanceof GapError && error.expected === 0)
    await writer.append([first!])
    await assert.rejects(writer.append([third!]), (error) => error instanceof GapError && error.expected === 1)
    await assert.rejects(
      writer.append([second!, fourth!]),
      (error) => error instanceof GapError && error.expected === 2,
    )
    assert.equal(await writer.next('p1', 1), 1)
    assert.equal((await report(log)).cumulative, 1)
    await writer.append([second!, third!, fourth!])
    assert.equal(await writer.next('p1', 1), 4)
  })

  test('what is gone for good is passed by a skip, counted once', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await using writer = await log.writer()
    const frames = aProducer().frames(1, 5, 6, 1)
    await writer.append(frames.slice(0, 1))
    for (let i = 0; i < 2; i++) await writer.skip({ producer: 'p1', boot: 1, throughSeq: 2, records: 11 })
    await writer.skip({ producer: 'p1', boot: 1, throughSeq: 0, records: 1 })
    assert.equal(await writer.next('p1', 1), 3)
    await writer.append(frames)
    assert.deepEqual((await readAll(await take(log))).map(textOf), ['p1/1/0', 'p1/1/3'])
    assert.deepEqual((await report(log)).producers, [{ producer: 'p1', boot: 1, nextSeq: 4, appended: 2, skipped: 11 }])
  })

  test('a boot may begin with a skip', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await using writer = await log.writer()
    const [, second] = aProducer().frames(4, 1)
    await writer.skip({ producer: 'p1', boot: 1, throughSeq: 0, records: 4 })
    await writer.append([second!])
    assert.deepEqual((await report(log)).producers, [{ producer: 'p1', boot: 1, nextSeq: 2, appended: 1, skipped: 4 }])
  })

  test('every producer and every boot counts its own frames', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer({ producer: 'p1', boot: 1 }).frames(1, 1))
    await append(log, aProducer({ producer: 'p1', boot: 2 }).frames(2))
    await append(log, aProducer({ producer: 'p2', boot: 1 }).frames(3, 3, 3))
    await using writer = await log.writer()
    assert.deepEqual(
      await Promise.all([writer.next('p1', 1), writer.next('p1', 2), writer.next('p2', 1), writer.next('p3', 1)]),
      [2, 1, 3, 0],
    )
    assert.deepEqual((await report(log)).producers, [
      { producer: 'p1', boot: 1, nextSeq: 2, appended: 2, skipped: 0 },
      { producer: 'p1', boot: 2, nextSeq: 1, appended: 2, skipped: 0 },
      { producer: 'p2', boot: 1, nextSeq: 3, appended: 9, skipped: 0 },
    ])
  })

  test('writers of several processes at once lose nothing and keep each other’s order', async () => {
    await using scratch = await make()
    const logs = await Promise.all(
      ['p1', 'p2', 'p3'].map(async (producer) => ({ producer, log: await scratch.open() })),
    )
    await Promise.all(
      logs.map(async ({ producer, log }) => {
        const made = aProducer({ producer })
        for (let i = 0; i < 20; i++) await append(log, made.frames(1, 2))
      }),
    )
    const read = await readAll(await take(await scratch.open()))
    assert.deepEqual(
      read.map(({ offset }) => offset),
      read.map((_, i) => read.slice(0, i).reduce((sum, { count }) => sum + count, 0)),
    )
    for (const { producer } of logs)
      assert.deepEqual(
        read.map(textOf).filter((text) => text.startsWith(producer)),
        Array.from({ length: 40 }, (_, seq) => `${producer}/1/${seq}`),
      )
  })

  test('a log that is opened again is the same one', async () => {
    await using scratch = await make()
    const first = await scratch.open()
    await append(first, aProducer().frames(2))
    const { incarnation, shards } = first
    await first[Symbol.asyncDispose]()
    const second = await scratch.open()
    assert.deepEqual({ incarnation: second.incarnation, shards: second.shards }, { incarnation, shards })
    assert.deepEqual((await readAll(await take(second))).map(textOf), ['p1/1/0'])
  })

  test('a full log refuses new frames as a whole; settle and trim still succeed and make room', async () => {
    await using scratch = await make({ maxBytes: 10_000 })
    const log = await scratch.open()
    const producer = aProducer({ frameBytes: 1000 })
    const held = producer.frames(...Array<number>(9).fill(1))
    await append(log, held)
    const reader = await take(log)
    const late = producer.frames(1, 1)
    await assert.rejects(append(log, late), BufferFullError)
    await append(log, held) // knows them already, so needs no room
    const full = await report(log)
    assert.deepEqual(
      { bytes: full.bytes, maxBytes: full.maxBytes, cumulative: full.cumulative },
      { bytes: 9000, maxBytes: 10_000, cumulative: 9 },
    )

    const seal = await sealTo(reader, reader.cursor, endOf((await readAll(reader))[4]!))
    await reader.settle(seal, { delivered: 5, ...nothingElse })
    assert.equal(await log.trim(), 5)
    await append(log, late)
    assert.deepEqual(await ledger(log), {
      sink: 'a',
      appended: 11,
      delivered: 5,
      filtered: 0,
      deadLettered: 0,
      deadLettersHeld: 0,
      evicted: 0,
      backlog: 6,
      oldestAtMs: (await readAll(reader, seal.to))[0]?.appendedAtMs,
    })
    assert.equal((await report(log)).bytes, 6000)
  })
}
