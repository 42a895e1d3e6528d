import assert from 'node:assert/strict'
import { FencedError, GapError, ledgerDays, type Position } from '../../buffer/buffer.ts'
import * as model from './model.ts'
import { letterOwnerSteps, letterSteps } from './model-letter-steps.ts'
import { ownerSteps } from './model-owner-steps.ts'
import { between, type OwnerStep, type Step, someTime, type World } from './model-world.ts'
import { aProducer, append, nothingElse, sealTo, take, textOf } from './scratch-log.ts'

/** Steps of producers, and of whoever tends the log. */
const logSteps = {
  async append({ log, model: expected, producers }, { producer, counts }) {
    const { made, appended } = producerOf(producers, producer)
    const frames = made.frames(...counts)
    const begin = await log.end(log.shards[0]!)
    await append(log, frames)
    appended.push(...frames)
    const read = await log.peek(log.shards[0]!, begin, { maxBytes: 1024 * 1024 })
    for (const [i, frame] of frames.entries())
      model.appendTo(expected, producer, {
        text: textOf(frame),
        count: frame.count,
        appendedAtMs: read[i]!.appendedAtMs,
      })
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
    assert.equal(await log.trim(), model.trim(expected, Number.POSITIVE_INFINITY, oldestMinute()))
  },
  async trimButKeep({ log, model: expected }, { one }) {
    const keepSinceMs = someTime(expected, one)
    assert.equal(await log.trim({ keepSinceMs }), model.trim(expected, keepSinceMs, oldestMinute()))
  },
  async peek({ log, model: expected }, { one }) {
    const from = model.toPosition(expected, between(0, expected.cumulative, one))
    const frames = await log.peek(log.shards[0]!, from, { maxBytes: 1024 * 1024 })
    const held = model.heldFrames(expected).filter(({ offset }) => offset >= from.offset)
    assert.deepEqual(
      frames.map(textOf),
      held.slice(0, frames.length).map(({ text }) => text),
    )
    assert.equal(frames.length > 0, held.length > 0)
  },
  async retire({ log, model: expected, readers, zombies }, { sink }) {
    await log.retire(sink)
    expected.sinks.delete(sink)
    const reader = readers.get(sink)
    if (reader) zombies.set(sink, reader)
    readers.delete(sink)
  },
  /** Registers the sink, or takes it from an owner that has let go or crashed. */
  async take({ log, model: expected, readers, zombies }, { sink, startAt, one }) {
    const before = readers.get(sink)
    if (before) zombies.set(sink, before)
    const atMs = someTime(expected, one)
    const sinceMs = { oldest: 0, now: Number.POSITIVE_INFINITY, time: atMs }[startAt]
    const known = expected.sinks.get(sink) ?? model.register(expected, sinceMs)
    expected.sinks.set(sink, known)
    if (!known.isFree) known.seals = known.seals.map((seal) => ({ ...seal, deaths: seal.deaths + 1 }))
    known.isFree = false
    const reader = await take(log, { sink, startAt: startAt === 'time' ? { atMs } : startAt })
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
    const seal = expected.sinks.get(sink)?.seals[0] ?? { id: 1, from, to, token: 't', shape: '{}', deaths: 0 }
    const [batch] = await zombie.retries()
    await assert.rejects(zombie.settle(seal, { delivered: 1, ...nothingElse }), FencedError)
    await assert.rejects(zombie.settleRetry(batch ?? { id: 1, letters: [] }, { rejected: new Map() }), FencedError)
    await assert.rejects(zombie.split(seal, to, ['l', 'r']), FencedError)
    await assert.rejects(zombie.evict(to, 1), FencedError)
    await assert.rejects(sealTo(zombie, seal.from, seal.to), FencedError)
  },
} satisfies Record<string, Step>

/** Every step there is, by name. */
export const steps: Readonly<Record<string, Step>> = {
  ...logSteps,
  ...letterSteps,
  ...Object.fromEntries(
    Object.entries({ ...ownerSteps, ...letterOwnerSteps }).map(([name, step]) => [name, byOwner(step)]),
  ),
}

/** Passed over while nobody owns the sink. */
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

function oldestMinute(): number {
  return Date.now() / 60_000 - ledgerDays * 24 * 60
}
