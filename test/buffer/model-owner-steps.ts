import assert from 'node:assert/strict'
import * as model from './model.ts'
import { between, type OwnerStep } from './model-world.ts'
import { nothingElse, readAll, textOf } from './scratch-log.ts'

/** Steps of the one who owns a sink. */
export const ownerSteps = {
  async read({ reader, sink, model: expected }, { one }) {
    const from = between(sink.cursor, expected.cumulative, one)
    const frames = await readAll(reader, model.toPosition(expected, from))
    assert.deepEqual(
      frames.map((frame) => ({ text: textOf(frame), offset: frame.offset, cumulative: frame.cumulative })),
      expected.frames
        .filter(({ offset, count }) => offset + count > from)
        .map(({ text, offset, count }) => ({ text, offset, cumulative: offset + count })),
    )
  },
  async seal({ reader, sink, model: expected }, { one }) {
    const from = model.sealedTo(sink)
    const to = between(from, expected.cumulative, one)
    if (to === from) return
    const block = {
      from: model.toPosition(expected, from),
      to: model.toPosition(expected, to),
      token: `${from}`,
      shape: '{}',
    }
    const seal = await reader.seal(block)
    assert.deepEqual({ ...block, id: seal.id, deaths: 0 }, seal)
    assert.deepEqual(await reader.seal(block), seal)
    sink.seals.push(seal)
  },
  async split({ reader, sink, model: expected }, { one, other }) {
    const which = between(0, sink.seals.length - 1, one)
    const seal = sink.seals[which]
    if (!seal) return
    const at = between(model.toPlace(seal.from), model.toPlace(seal.to), other)
    const split = () => reader.split(seal, model.toPosition(expected, at), [`${seal.token}l`, `${seal.token}r`])
    if (at === model.toPlace(seal.from) || at === model.toPlace(seal.to)) return void (await assert.rejects(split()))
    const halves = await split()
    assert.deepEqual(await split(), halves)
    for (const { deaths } of halves) assert.equal(deaths, seal.deaths)
    sink.seals.splice(which, 1, ...halves)
  },
  async settle({ reader, sink, lastSettled, name }, { one, other, key, minute }) {
    const seal = sink.seals.shift()
    if (!seal) return
    const records = model.toPlace(seal.to) - model.toPlace(seal.from)
    const bad = between(0, records, one * one)
    const filtered = between(0, records - bad, other * other)
    const letters = Array.from({ length: bad }, (_, i) => ({
      form: i % 3 === 2 ? ('undecodable' as const) : ('json' as const),
      reason: `${seal.token}-${i}`,
    }))
    const value = bad % 2 === 0 ? seal.token : '' // an empty value deletes
    await reader.settle(seal, {
      delivered: records - bad - filtered,
      filtered,
      deadLetters: letters.map((letter) => ({ ...letter, bytes: Buffer.from('{}') })),
      minutes: [minute, { ...minute, minute: minute.minute + 1 }],
      state: new Map([[key, Buffer.from(value)]]),
    })
    lastSettled.set(name, seal)
    sink.cursor = model.toPlace(seal.to)
    sink.delivered += records - bad - filtered
    sink.filtered += filtered
    sink.deadLettered += bad
    sink.letters.push(...letters)
    for (const ahead of [0, 1]) model.addMinute(sink, { ...minute, minute: minute.minute + ahead })
    if (value === '') sink.state.delete(key)
    else sink.state.set(key, value)
  },
  async settleAgain({ reader, sink, lastSettled, name }, { minute }) {
    const seal = lastSettled.get(name)
    if (!seal || model.toPlace(seal.to) > sink.cursor) return
    await reader.settle(seal, { delivered: 99, ...nothingElse, minutes: [minute] })
  },
  async settleNewest({ reader, sink }) {
    const seal = sink.seals.at(-1)
    if (seal && sink.seals.length > 1) await assert.rejects(reader.settle(seal, { delivered: 99, ...nothingElse }))
  },
  async evict({ reader, sink, model: expected }, { one }) {
    const to = between(sink.cursor, expected.cumulative, one * one)
    const records = to - sink.cursor
    if (sink.seals.some((seal) => model.toPlace(seal.from) < to && to < model.toPlace(seal.to)))
      return void (await assert.rejects(reader.evict(model.toPosition(expected, to), records)))
    for (let i = 0; i < 2; i++) await reader.evict(model.toPosition(expected, to), records)
    if (records === 0) return
    sink.seals = sink.seals.filter(({ from }) => model.toPlace(from) >= to)
    sink.evicted += records
    sink.cursor = to
  },
  async letGo({ reader, readers, sink, name }) {
    await reader[Symbol.asyncDispose]()
    readers.delete(name)
    sink.isFree = true
  },
} satisfies Record<string, OwnerStep>
