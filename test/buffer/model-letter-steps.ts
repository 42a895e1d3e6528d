import assert from 'node:assert/strict'
import type { Buffer as Log } from '../../buffer/buffer.ts'
import * as model from './model.ts'
import { between, type Choice, type OwnerStep, type Step } from './model-world.ts'

/** Some of a sink's dead letters: as the model knows them, and their ids in the log. */
async function someLetters(log: Log, name: string, { letters }: model.ModelSink, { one, other }: Choice) {
  const from = between(0, letters.length, one)
  const to = between(from, letters.length, other)
  const stored = await log.deadLetters(name, { limit: 1000 })
  return { chosen: letters.slice(from, to), ids: stored.slice(from, to).map(({ id }) => id) }
}

/** Steps of an operator who looks after dead letters. */
export const letterSteps = {
  async drop({ log, model: expected }, choice) {
    const sink = expected.sinks.get(choice.sink)
    if (!sink) return
    const { chosen, ids } = await someLetters(log, choice.sink, sink, choice)
    const dropped = new Set(chosen.filter((letter) => !model.isRetried(sink, letter)))
    assert.equal(await log.dropDeadLetters(choice.sink, ids), dropped.size)
    assert.equal(await log.dropDeadLetters(choice.sink, ids), 0)
    sink.letters = sink.letters.filter((letter) => !dropped.has(letter))
  },
  async retry({ log, model: expected }, choice) {
    const sink = expected.sinks.get(choice.sink)
    if (!sink) return assert.equal(await log.retryDeadLetters(choice.sink, [1, 256]), 0)
    const { chosen, ids } = await someLetters(log, choice.sink, sink, choice)
    const batch = chosen.filter((letter) => letter.form === 'json' && !model.isRetried(sink, letter))
    assert.equal(await log.retryDeadLetters(choice.sink, ids), batch.length)
    assert.equal(await log.retryDeadLetters(choice.sink, ids), 0)
    if (batch.length > 0) sink.batches.push(batch)
  },
} satisfies Record<string, Step>

/** What a sink's owner does with the letters that are to be delivered again. */
export const letterOwnerSteps = {
  async settleRetry({ reader, sink }, { one, other, key, minute }) {
    const batches = await reader.retries()
    assert.deepEqual(
      batches.map(({ letters }) => letters.map(({ reason, form, isRetried }) => ({ reason, form, isRetried }))),
      sink.batches.map((letters) => letters.map((letter) => ({ ...letter, isRetried: true }))),
    )
    const ids = batches.map(({ id }) => id)
    assert.deepEqual(
      ids,
      [...new Set(ids)].sort((a, b) => a - b),
    )
    const which = between(0, batches.length - 1, one)
    const batch = batches[which]
    if (!batch) return
    const [letters] = sink.batches.splice(which, 1)
    const good = between(0, letters!.length, other) // as many as the log's batch has
    for (const letter of letters!.slice(good)) letter.reason = `${letter.reason}+`
    const rejected = new Map(batch.letters.slice(good).map(({ id, reason }) => [id, `${reason}+`]))
    const state = new Map([[key, Buffer.from('retried')]])
    for (let i = 0; i < 2; i++) await reader.settleRetry(batch, { rejected, minutes: [minute], state })
    const delivered = new Set(letters!.slice(0, good))
    sink.letters = sink.letters.filter((letter) => !delivered.has(letter))
    sink.delivered += good
    sink.deadLettered -= good
    model.addMinute(sink, minute)
    sink.state.set(key, 'retried')
  },
} satisfies Record<string, OwnerStep>
