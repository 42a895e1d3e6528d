import assert from 'node:assert/strict'
import {
  FencedError,
  GapError,
  type Buffer as Log,
  type Position,
  type Reader,
  type Seal,
  type StampedFrame,
} from '../../buffer/buffer.ts'
import * as model from './model.ts'
import { aProducer, append, nothingElse, type Producer, readAll, sealTo, take, textOf } from './scratch-log.ts'

/** A log and the model that it is compared with. */
export interface World {
  readonly log: Log
  readonly model: model.Model
  readonly producers: Map<string, { readonly made: Producer; readonly appended: StampedFrame[] }>
  readonly readers: Map<string, Reader>
  /** The owner before the present one. */
  readonly zombies: Map<string, Reader>
  readonly lastSettled: Map<string, Seal>
}

/** What a step is about; the shares, from 0 to 1, choose among what is there when it runs. */
export interface Choice {
  readonly producer: string
  readonly sink: string
  readonly counts: readonly number[]
  readonly startAt: 'oldest' | 'now'
  readonly one: number
  readonly other: number
}

type Step = (world: World, choice: Choice) => Promise<void>

/** Steps of producers, and of whoever tends the log. */
const logSteps = {
  async append({ log, model: expected, producers }, { producer, counts }) {
    const { made, appended } = producerOf(producers, producer)
    const frames = made.frames(...counts)
    await append(log, frames)
    appended.push(...frames)
    for (const frame of frames) model.appendTo(expected, producer, textOf(frame), frame.count)
  },
  async appendAgain({ log, producers }, { producer, counts }) {
    await append(log, producerOf(producers, producer).appended.slice(-counts.length))
  },
  async appendBehindGap({ log, model: expected }, { producer }) {
    const nextSeq = expected.producers.get(producer)?.nextSeq ?? 0
    const frame = { producer, boot: 1, seq: nextSeq + 1, made: 1, count: 1, bytes: Buffer.from('gap') }
    const refused = append(log, [frame])
    await assert.rejects(refused, (error) => error instanceof GapError && error.expected === nextSeq)
  },
  async skip({ log, model: expected, producers }, { producer, counts }) {
    producerOf(producers, producer).made.frames(...counts)
    const known = model.producerIn(expected, producer)
    known.nextSeq += counts.length
    known.skipped += counts.length
    await using writer = await log.writer()
    const gone = { producer, boot: 1, throughSeq: known.nextSeq - 1, records: counts.length }
    for (let i = 0; i < 2; i++) await writer.skip(gone)
  },
  async trim({ log, model: expected }) {
    assert.equal(await log.trim(), model.trim(expected))
  },
  async retire({ log, model: expected, readers, zombies }, { sink }) {
    await log.retire(sink)
    expected.sinks.delete(sink)
    const reader = readers.get(sink)
    if (reader) zombies.set(sink, reader)
    readers.delete(sink)
  },
  /** Registers the sink, or takes it from an owner that has crashed. */
  async take({ log, model: expected, readers, zombies }, { sink, startAt }) {
    const before = readers.get(sink)
    if (before) zombies.set(sink, before)
    const known = expected.sinks.get(sink) ?? model.register(expected, startAt)
    expected.sinks.set(sink, known)
    const reader = await take(log, { sink, startAt })
    readers.set(sink, reader)
    const { cursor, seals } = reader
    assert.deepEqual({ cursor, seals }, { cursor: model.toPosition(expected, known.cursor), seals: known.seals })
    assert.deepEqual(new Map([...reader.state].map(([key, bytes]) => [key, textOf({ bytes })])), known.state)
  },
  async actAsLastOwner({ model: expected, zombies }, { sink }) {
    const zombie = zombies.get(sink)
    if (!zombie) return
    const [from, to] = [0, expected.cumulative].map((place) => model.toPosition(expected, place)) as [
      Position,
      Position,
    ] // two of two
    const seal = expected.sinks.get(sink)?.seals[0] ?? { id: 1, from, to, token: 't', shape: '{}' }
    await assert.rejects(zombie.settle(seal, { delivered: 1, ...nothingElse }), FencedError)
    await assert.rejects(zombie.split(seal, to, ['l', 'r']), FencedError)
    await assert.rejects(zombie.evict(to, 1), FencedError)
    await assert.rejects(sealTo(zombie, seal.from, seal.to), FencedError)
  },
} satisfies Record<string, Step>

/** Steps of the one who owns a sink; passed over while nobody does. */
const ownerSteps = {
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
    assert.deepEqual({ ...block, id: seal.id }, seal)
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
    sink.seals.splice(which, 1, ...halves)
  },
  async settle({ reader, sink, lastSettled, name }, { one, other, startAt: key }) {
    const seal = sink.seals.shift()
    if (!seal) return
    const records = model.toPlace(seal.to) - model.toPlace(seal.from)
    const bad = between(0, records, one * one)
    const filtered = between(0, records - bad, other * other)
    const reasons = Array.from({ length: bad }, (_, i) => `${seal.token}-${i}`)
    const value = bad % 2 === 0 ? seal.token : '' // an empty value deletes
    await reader.settle(seal, {
      delivered: records - bad - filtered,
      filtered,
      deadLetters: reasons.map((reason) => ({ form: 'json', bytes: Buffer.from('{}'), reason })),
      state: new Map([[key, Buffer.from(value)]]),
    })
    lastSettled.set(name, seal)
    sink.cursor = model.toPlace(seal.to)
    sink.delivered += records - bad - filtered
    sink.filtered += filtered
    sink.deadLettered += bad
    sink.reasons.push(...reasons)
    if (value === '') sink.state.delete(key)
    else sink.state.set(key, value)
  },
  async settleAgain({ reader, sink, lastSettled, name }) {
    const seal = lastSettled.get(name)
    if (seal && model.toPlace(seal.to) <= sink.cursor) await reader.settle(seal, { delivered: 99, ...nothingElse })
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
} satisfies Record<string, OwnerStep>

type OwnerStep = (
  owned: World & { name: string; reader: Reader; sink: model.ModelSink },
  choice: Choice,
) => Promise<void>

/** Every step there is, by name. */
export const steps: Readonly<Record<string, Step>> = {
  ...logSteps,
  ...Object.fromEntries(Object.entries(ownerSteps).map(([name, step]) => [name, byOwner(step)])),
}

function byOwner(step: OwnerStep): Step {
  return async (world, choice) => {
    const reader = world.readers.get(choice.sink)
    const sink = world.model.sinks.get(choice.sink)
    if (reader && sink) await step({ ...world, name: choice.sink, reader, sink }, choice)
  }
}

function producerOf(producers: World['producers'], name: string) {
  const known = producers.get(name) ?? { made: aProducer({ producer: name }), appended: [] }
  producers.set(name, known)
  return known
}

/** The whole number that lies a share of the way from `low` to `high`. */
function between(low: number, high: number, share: number): number {
  return low + Math.floor(share * (high - low + 1) * 0.999_999)
}
