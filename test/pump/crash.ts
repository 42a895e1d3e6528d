import type { TestContext } from 'node:test'
import type { Buffer, Reader } from '../../buffer/buffer.ts'
import type { PumpSink } from '../../pump/delivery.ts'
import { openPump } from '../../pump/pump.ts'
import type { Trial } from '../../pump/trial.ts'
import type { Sink } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import { pumpOptions, type TestLog } from './log.ts'

/** Counts every call that may change something, and from the `crashAt`-th on lets none through: before its effect, or after it. */
class Crash {
  calls = 0
  crashed = false
  readonly #crashAt: number
  readonly #when: 'before' | 'after'

  constructor(crashAt: number, when: 'before' | 'after') {
    this.#crashAt = crashAt
    this.#when = when
  }

  async through<T>(call: () => Promise<T>): Promise<T> {
    if (this.crashed) throw new Error('The process is dead.')
    this.calls++
    const now = this.calls === this.#crashAt
    if (now && this.#when === 'before') this.crashed = true
    if (this.crashed) throw new Error('The process died.')
    const answer = await call()
    if (now) this.crashed = true
    if (this.crashed) throw new Error('The process died.')
    return answer
  }
}

function crashingBuffer(buffer: Buffer, crash: Crash): Buffer {
  return wrappedLog(buffer, {
    trim: (options) => crash.through(() => buffer.trim(options)),
    retryDeadLetters: (sink, ids) => crash.through(() => buffer.retryDeadLetters(sink, ids)),
    async reader(options) {
      const reader = await crash.through(() => buffer.reader(options))
      return reader && crashingReader(reader, crash)
    },
    [Symbol.asyncDispose]: () => buffer[Symbol.asyncDispose](),
  })
}

function crashingReader(reader: Reader, crash: Crash): Reader {
  return {
    ...reader,
    seal: (block) => crash.through(() => reader.seal(block)),
    split: (seal, at, tokens) => crash.through(() => reader.split(seal, at, tokens)),
    settle: (seal, settlement) => crash.through(() => reader.settle(seal, settlement)),
    settleRetry: (batch, settlement) => crash.through(() => reader.settleRetry(batch, settlement)),
    evict: (to, count) => crash.through(() => reader.evict(to, count)),
  }
}

function crashingSink(sink: Sink, crash: Crash): Sink {
  return { ...sink, write: (block, signal) => crash.through(() => sink.write(block, signal)) }
}

function crashingTrial(trial: Trial, crash: Crash): Trial {
  return { ...trial, write: (job, signal) => crash.through(() => trial.write(job, signal)) }
}

/** A log in which something is to be done, and what must be true when it is. */
export interface Situation {
  readonly sink: PumpSink
  /** Size of the log, where it matters. */
  readonly maxBytes?: number
  isDone(): Promise<boolean>
  check(): Promise<void>
}

export interface Scenario {
  readonly name: string
  prepare(t: TestContext, log: TestLog): Promise<Situation>
}

/** Runs a pump until all is done, or until it crashed. */
async function run(log: TestLog, { sink, maxBytes, isDone }: Situation, crash: Crash): Promise<void> {
  const openBuffer = async () => crashingBuffer(await log.open(maxBytes ? { maxBytes } : undefined), crash)
  const trial = sink.trial && crashingTrial(sink.trial, crash)
  const crashing = { ...sink, sink: crashingSink(sink.sink, crash), trial }
  await using pump = await openPump(pumpOptions(log, [crashing], { openBuffer, graceMs: 0 }))
  pump.failed.catch(() => {}) // a crash while opening is one of the cases
  await until(async () => crash.crashed || (await isDone().catch(() => false)), {
    what: 'the pump is done or has crashed',
    timeoutMs: 60_000,
  })
}

type When = 'before' | 'after'

/** A crash at the `crashAt`-th call, then a new owner until all is done. Resolves to how many calls the first one made. */
async function crashAndResume(t: TestContext, log: TestLog, scenario: Scenario, crashAt: number, when: When) {
  const situation = await scenario.prepare(t, log)
  const first = new Crash(crashAt, when)
  await run(log, situation, first)
  await run(log, situation, new Crash(Number.POSITIVE_INFINITY, 'before'))
  await situation.check()
  return first.calls
}

/** Lets the scenario run once and counts its calls; then once more for each of them, crashing there before and after its effect. */
export async function crashEverywhere(t: TestContext, scenario: Scenario, makeLog: (t: TestContext) => TestLog) {
  const calls = await crashAndResume(t, makeLog(t), scenario, Number.POSITIVE_INFINITY, 'before')
  for (let crashAt = 1; crashAt <= calls; crashAt++) {
    for (const when of ['before', 'after'] as const) {
      await t.test(`${when} call ${crashAt} of ${calls}`, async (t) => {
        await crashAndResume(t, makeLog(t), scenario, crashAt, when)
      })
    }
  }
}
