import assert from 'node:assert/strict'
import type { Buffer as Log } from '../../buffer/buffer.ts'
import { openShapes } from '../../pump/shape/shape.ts'
import { DeathError, type Trial, toOnlyLetter, toTrialBlock } from '../../pump/trial.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { RejectedError } from '../../sinks/sink.ts'
import type { Scenario } from './crash.ts'
import { aPumpSink, Backend, deadLettersOf, ledgerOf, records, sinkInto, type TestLog } from './log.ts'

const count = 230

/** Appends records in three frames; the first of each sixty are bad, as many as asked for. */
async function appended(log: TestLog, culprits: number) {
  const all = records(count)
  await log.append(all.slice(0, 70), all.slice(70, 75), all.slice(75))
  const bad = all.filter((_, i) => i % 60 === 17).slice(0, culprits)
  return { all, bad, isBad: ({ id }: RequestRecord) => bad.some((one) => one.id === id) }
}

const idsOf = (all: readonly RequestRecord[]) => all.map(({ id }) => id).sort()

async function letterIds(log: TestLog): Promise<string[]> {
  return (await deadLettersOf(log)).map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)).id).sort()
}

const isDrained = async (log: TestLog) => (await ledgerOf(log)).backlog === 0

/** Every record is in the backend or among the dead letters, once; and the log's counts say the same. */
async function assertAll(log: TestLog, backend: Backend, all: readonly RequestRecord[], letters: readonly string[]) {
  assert.deepEqual([...backend.ids(), ...letters].sort(), idsOf(all), 'nothing is missing, and nothing is twice')
  assert.deepEqual(await letterIds(log), letters, 'a dead letter exists where it is counted')
  const { appended, delivered, filtered, deadLettered, evicted, backlog } = await ledgerOf(log)
  assert.deepEqual(
    { appended, delivered, filtered, deadLettered, evicted, backlog },
    {
      ...{ appended: all.length, delivered: all.length - letters.length, filtered: 0 },
      ...{ deadLettered: letters.length, evicted: 0, backlog: 0 },
    },
  )
}

/** Blocks are sealed, sent and settled, and split where a record is at fault. */
export function delivering(culprits: number, inFlight: number): Scenario {
  return {
    name: `with ${culprits} records at fault and ${inFlight} blocks on their way`,
    async prepare(_t, log) {
      const { all, bad, isBad } = await appended(log, culprits)
      const backend = new Backend()
      const sink = sinkInto(backend, async (block) => {
        if (block.records.some(isBad)) throw new RejectedError('bad record')
        return undefined
      })
      return {
        sink: aPumpSink(sink, { inFlight }),
        isDone: () => isDrained(log),
        check: () => assertAll(log, backend, all, idsOf(bad)),
      }
    },
  }
}

/** A block that three processes ended over is split until the records that end them are alone; they never meet the pump's own sink. */
export function dying(stores: boolean): Scenario {
  return {
    name: `with records that end processes, in a sink that stores ${stores ? 'elsewhere' : 'here'}`,
    async prepare(t, log) {
      const { all, bad, isBad } = await appended(log, 2)
      await dieThrice(t, log)
      const backend = new Backend()
      const trial: Trial = {
        stores,
        async write(job) {
          const block = toTrialBlock(job, openShapes())
          if (block.records.some(isBad)) throw new DeathError('SIGSEGV', toOnlyLetter(job, block))
          if (stores) backend.store(block.token, block.records)
          return undefined
        },
      }
      let met = false
      const sink = sinkInto(backend, async (block) => {
        met ||= block.records.some(isBad)
        return undefined
      })
      return {
        sink: aPumpSink(sink, { trial }),
        isDone: () => isDrained(log),
        async check() {
          await assertAll(log, backend, all, idsOf(bad))
          assert.equal(met, false, 'no deadly record has met the pump itself')
        },
      }
    },
  }
}

/** One block over everything, whose owners end without letting go, three times. */
async function dieThrice(t: { after(work: () => Promise<void>): void }, log: TestLog): Promise<void> {
  const buffer = await log.open()
  t.after(() => Promise.resolve(buffer[Symbol.asyncDispose]()))
  const take = () => buffer.reader({ sink: 'sink', shard: '0', owner: 'test', startAt: 'oldest' })
  const reader = await take()
  assert.ok(reader)
  await reader.seal({ from: reader.cursor, to: await endOfLog(buffer), token: 'whole', shape: '{}' })
  for (let deaths = 1; deaths <= 3; deaths++) assert.equal((await take())?.seals[0]?.deaths, deaths)
}

const endOfLog = (buffer: Log) => buffer.end('0')

/** Dead letters are delivered again; one of them is refused again, without a word about which. */
export const retrying: Scenario = {
  name: 'while dead letters are delivered again',
  async prepare(_t, log) {
    const { all, bad, isBad } = await appended(log, 4)
    const backend = new Backend()
    await letBeRefused(log, isBad, backend)
    const [stillBad] = bad
    const sink = sinkInto(backend, async (block) => {
      if (block.records.some(({ id }) => id === stillBad?.id)) throw new RejectedError('still bad')
      return undefined
    })
    return {
      sink: aPumpSink(sink),
      isDone: async () => (await deadLettersOf(log)).every(({ isRetried }) => !isRetried),
      async check() {
        const held = await letterIds(log)
        assert.ok(held.includes(stillBad?.id ?? ''))
        await assertAll(log, backend, all, held)
      },
    }
  },
}

/** What a pump did before: it delivered all but the bad ones, which somebody then asked for. */
async function letBeRefused(log: TestLog, isBad: (record: RequestRecord) => boolean, backend: Backend): Promise<void> {
  await using buffer = await log.open()
  await using reader = await buffer.reader({ sink: 'sink', shard: '0', owner: 'test', startAt: 'oldest' })
  assert.ok(reader)
  const seal = await reader.seal({ from: reader.cursor, to: await endOfLog(buffer), token: 'whole', shape: '{}' })
  const block = toTrialBlock(
    { shard: '0', incarnation: '', state: new Map(), content: { kind: 'sealed', seal, spans: await spansOf(buffer) } },
    openShapes(),
  )
  const good = block.records.filter((record) => !isBad(record))
  backend.store('whole', good)
  const deadLetters = block.records.filter(isBad).map((record) => ({
    ...{ form: 'json' as const, reason: 'bad' },
    bytes: new TextEncoder().encode(JSON.stringify(record)),
  }))
  await reader.settle(seal, { delivered: good.length, filtered: 0, deadLetters })
  const letters = await buffer.deadLetters('sink', { limit: 100 })
  await buffer.retryDeadLetters(
    'sink',
    letters.map(({ id }) => id),
  )
}

async function spansOf(buffer: Log) {
  const frames = await buffer.peek('0', { offset: 0, index: 0 }, { maxBytes: 1e9 })
  return frames.map((frame) => ({ frame, start: 0, end: frame.count }))
}

/** A sink that does not answer holds a log that is nearly full, and gives up its oldest records. */
export const evicting: Scenario = {
  name: 'while the oldest records are given up',
  async prepare(_t, log) {
    const all = records(count)
    await log.append(...Array.from({ length: 23 }, (_, i) => all.slice(i * 10, i * 10 + 10)))
    await using buffer = await log.open()
    const bytes = (await buffer.inspect())[0]?.bytes ?? 0
    const maxBytes = Math.floor(bytes / 0.97)
    const hanging = sinkInto(
      new Backend(),
      (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
    )
    return {
      sink: aPumpSink(hanging),
      maxBytes,
      async isDone() {
        await using buffer = await log.open()
        return ((await buffer.inspect())[0]?.bytes ?? bytes) <= maxBytes * 0.9
      },
      async check() {
        const { appended, delivered, deadLettered, evicted, backlog } = await ledgerOf(log)
        assert.deepEqual([appended, delivered, deadLettered, evicted + backlog], [count, 0, 0, count])
        assert.ok(evicted > 0 && evicted <= 100 + 30, `${evicted} were given up`) // a sealed block of 100, or the frames that make room
      },
    }
  },
}
