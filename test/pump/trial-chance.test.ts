import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openShapes } from '../../pump/shape/shape.ts'
import { DeathError, type Trial, toTrialBlock } from '../../pump/trial.ts'
import { until } from '../services/until.ts'
import { aLog, aPumpSink, Backend, ledgerOf, pumpOptions, records, sinkInto, startPump, type TestLog } from './log.ts'
import { aLogWithLetters, assertConserved, held, rejecting, retryAll, untilHeld } from './retried.ts'

/** Stores in a process that ends once by chance, when the backend has the block and nobody knows yet. */
function endingByChance(backend: Backend): Trial {
  let deaths = 0
  return {
    stores: true,
    async write(job) {
      const block = toTrialBlock(job, openShapes())
      backend.store(block.token, block.records)
      if (deaths++ === 0) throw new DeathError('SIGKILL')
      return undefined
    },
  }
}

function assertOnce(backend: Backend, count: number): void {
  const ids = backend.ids()
  assert.equal(new Set(ids).size, count, 'nothing is missing')
  assert.equal(ids.length, count, 'nothing is twice')
}

test('a retried batch whose process ended by chance after the backend took it is stored once', async (t) => {
  const { log } = await aLogWithLetters(t, 3)
  const backend = new Backend()
  const refusing = await startPump(t, pumpOptions(log, [aPumpSink(rejecting(sinkInto(backend), () => true))]))
  await untilHeld(log, 3)
  await refusing[Symbol.asyncDispose]()
  await retryAll(log)
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend), { trial: endingByChance(backend) })]))
  await until(async () => (await held(log)) === 0, { what: 'no dead letters' })
  assertOnce(backend, 20)
  await assertConserved(log, 20, 0)
})

test('a suspected block whose process ended by chance after the backend took it is stored once', async (t) => {
  const log = aLog(t)
  await log.append(records(20))
  await sealAndDieThrice(log)
  const backend = new Backend()
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend), { trial: endingByChance(backend) })]))
  await until(async () => (await ledgerOf(log)).backlog === 0, { what: 'nothing left' })
  assertOnce(backend, 20)
})

/** One block over everything, whose owners end without letting go, three times. */
async function sealAndDieThrice(log: TestLog): Promise<void> {
  await using buffer = await log.open()
  const take = () => buffer.reader({ sink: 'sink', shard: '0', owner: 'test', startAt: 'oldest' })
  const reader = await take()
  assert.ok(reader)
  await reader.seal({ from: reader.cursor, to: await buffer.end('0'), token: 'whole', shape: '{}' })
  for (let deaths = 1; deaths <= 3; deaths++) assert.equal((await take())?.seals[0]?.deaths, deaths)
}
