import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Buffer, Reader } from '../../buffer/buffer.ts'
import { openPump } from '../../pump/pump.ts'
import { RejectedError, type Sink } from '../../sinks/sink.ts'
import { wrappedLog } from '../buffer/wrapped-log.ts'
import { until } from '../services/until.ts'
import {
  aLog,
  aPumpSink,
  Backend,
  deadLettersOf,
  ledgerOf,
  pumpOptions,
  records,
  sinkInto,
  type TestLog,
} from './log.ts'

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

/** Runs a pump over the log until it has drained, or until it crashed. */
async function run(log: TestLog, sink: Sink, crash: Crash, inFlight: number): Promise<void> {
  const buffers: Buffer[] = []
  const openBuffer = async () => {
    const buffer = await log.open()
    buffers.push(buffer)
    return crashingBuffer(buffer, crash)
  }
  await using pump = await openPump(
    pumpOptions(log, [aPumpSink(crashingSink(sink, crash), { inFlight })], { openBuffer, graceMs: 0 }),
  )
  pump.failed.catch(() => {}) // a crash while opening is one of the cases
  await until(async () => crash.crashed || (await ledgerOf(log).catch(() => undefined))?.backlog === 0, {
    what: 'the pump has drained or crashed',
  })
}

interface Scenario {
  readonly culprits: number
  readonly inFlight: number
}

/** A crash at the `crashAt`-th call, then a new owner until all is done. Resolves to how many calls the first one made. */
async function crashAndResume(
  t: TestContext,
  { culprits, inFlight }: Scenario,
  crashAt: number,
  when: 'before' | 'after',
) {
  const log = aLog(t)
  const all = records(230)
  await log.append(all.slice(0, 70), all.slice(70, 75), all.slice(75))
  const bad = new Set(
    all
      .filter((_, i) => i % 60 === 17)
      .slice(0, culprits)
      .map(({ id }) => id),
  )
  const backend = new Backend()
  const sink = sinkInto(backend, async (block) => {
    if (block.records.some(({ id }) => bad.has(id))) throw new RejectedError('bad record')
    return undefined
  })
  const first = new Crash(crashAt, when)
  await run(log, sink, first, inFlight)
  await run(log, sink, new Crash(Number.POSITIVE_INFINITY, 'before'), inFlight)

  const held = backend.ids()
  assert.equal(new Set(held).size, held.length, 'nothing is twice')
  assert.deepEqual(
    held.sort(),
    all
      .filter(({ id }) => !bad.has(id))
      .map(({ id }) => id)
      .sort(),
    'nothing is missing',
  )
  const { appended, delivered, filtered, deadLettered, evicted, backlog } = await ledgerOf(log)
  assert.deepEqual(
    { appended, delivered, filtered, deadLettered, evicted, backlog },
    { appended: 230, delivered: 230 - bad.size, filtered: 0, deadLettered: bad.size, evicted: 0, backlog: 0 },
  )
  const letters = (await deadLettersOf(log)).map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)).id)
  assert.deepEqual(letters.sort(), [...bad].sort(), 'a dead letter exists where it is counted')
  return first.calls
}

for (const scenario of [
  { culprits: 0, inFlight: 1 },
  { culprits: 0, inFlight: 3 },
  { culprits: 2, inFlight: 1 },
  { culprits: 2, inFlight: 3 },
]) {
  test(`a crash at any call loses nothing and stores nothing twice, with ${scenario.culprits} records at fault and ${scenario.inFlight} blocks on their way`, async (t) => {
    const calls = await crashAndResume(t, scenario, Number.POSITIVE_INFINITY, 'before')
    for (let crashAt = 1; crashAt <= calls; crashAt++) {
      for (const when of ['before', 'after'] as const) {
        await t.test(`${when} call ${crashAt} of ${calls}`, async (t) => {
          await crashAndResume(t, scenario, crashAt, when)
        })
      }
    }
  })
}
