import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { RejectedError, type Sink } from '../../sinks/sink.ts'
import { until } from '../services/until.ts'
import { aLog, ledgerOf, type TestLog } from './log.ts'

export const bad = (i: number) => aRecord({ path: `/bad/${i}` })

/** A log with 20 records, of which `culprits` are dead letters of the sink, as a pump left it that is gone. */
export async function aLogWithLetters(t: TestContext, culprits: number) {
  const log = aLog(t)
  const all = Array.from({ length: 20 }, (_, i) => (i < culprits ? bad(i) : aRecord()))
  await log.append(all)
  return { log, all }
}

/** Rejects what is bad while `isBroken`. */
export function rejecting(sink: Sink, isBroken: () => boolean): Sink {
  return {
    ...bound(sink),
    write: async (block, signal) => {
      const indexes = block.records.flatMap(({ path }, i) => (path.startsWith('/bad') ? [i] : []))
      if (isBroken() && indexes.length > 0) throw new RejectedError('bad record', { indexes })
      return await sink.write(block, signal)
    },
  }
}

/** A sink's functions, whoever calls them. */
function bound(sink: Sink): Sink {
  return {
    write: (block, signal) => sink.write(block, signal),
    acquired: (shard, state) => sink.acquired?.(shard, state),
    settled: (block) => sink.settled?.(block),
    released: (shard) => sink.released?.(shard),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  }
}

export async function retryAll(log: TestLog, letters = 1000): Promise<number> {
  await using buffer = await log.open()
  const ids = (await buffer.deadLetters('sink', { limit: letters })).map(({ id }) => id)
  return await buffer.retryDeadLetters('sink', ids)
}

export async function held(log: TestLog): Promise<number> {
  return (await ledgerOf(log)).deadLettersHeld
}

export async function untilHeld(log: TestLog, letters: number): Promise<void> {
  await until(async () => (await ledgerOf(log)).backlog === 0 && (await held(log)) === letters, {
    what: `${letters} dead letters`,
  })
}

export async function assertConserved(log: TestLog, delivered: number, deadLettered: number): Promise<void> {
  const ledger = await ledgerOf(log)
  assert.deepEqual(
    [ledger.appended, ledger.delivered, ledger.deadLettered, ledger.backlog],
    [delivered + deadLettered, delivered, deadLettered, 0],
  )
}

export async function minutesOf(log: TestLog): Promise<number> {
  await using buffer = await log.open()
  const sums = await buffer.minutes('sink', { from: 0, to: 1e9 })
  return sums.reduce((total, { records }) => total + records, 0)
}
