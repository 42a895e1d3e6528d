import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type * as z from 'zod'
import { shapeOptions } from '../../pump/shape/options.ts'
import { openShapes } from '../../pump/shape/shape.ts'
import { type TrialJob, toOnlyLetter, toTrialBlock } from '../../pump/trial.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { layFrame, packRecord, stampFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { Texts } from '../../record/texts.ts'
import { RejectedError, RetryableError, type Sink } from '../../sinks/sink.ts'
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
  startPump,
  type TestLog,
} from './log.ts'

const secret = 'S3CR3T'

function shapes(options: z.input<typeof shapeOptions>, hashKeys: readonly string[] = []) {
  return openShapes(shapeOptions.parse(options), hashKeys)
}

async function drained(log: TestLog) {
  await until(async () => (await ledgerOf(log).catch(() => undefined))?.backlog === 0, { what: 'the sink has drained' })
  const { appended, delivered, filtered, deadLettered } = await ledgerOf(log)
  assert.equal(appended, delivered + filtered + deadLettered, 'conservation')
  return { delivered, filtered, deadLettered }
}

const ids = (records: readonly RequestRecord[]) => records.map(({ id }) => id)

test('filtered and sampled records are counted, and what is left arrives', async (t) => {
  const log = aLog(t)
  const all = Array.from({ length: 1000 }, (_, i) =>
    aRecord({ api: i % 4 ? 'orders' : 'health', status: i % 10 ? 200 : 503 }),
  )
  await log.append(all.slice(0, 333), all.slice(333))
  const backend = new Backend()
  const rules = shapes({ filter: { block: [{ api: 'health' }] }, sample: { oneIn: 5 } })
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend), { shapes: rules })]))
  const { delivered, filtered } = await drained(log)
  const expected = all.flatMap((record) => rules.current?.apply(record) ?? [])
  assert.deepEqual([delivered, filtered], [expected.length, 1000 - expected.length])
  assert.deepEqual([...backend.blocks.values()].flat(), expected)
})

test('a block of which nothing is left is settled without a write', async (t) => {
  const log = aLog(t)
  await log.append(records(250))
  let writes = 0
  const sink = sinkInto(new Backend(), async () => {
    writes++
    throw new RetryableError('the backend is down')
  })
  await startPump(
    t,
    pumpOptions(log, [aPumpSink(sink, { shapes: shapes({ filter: { allow: [{ api: 'nothing' }] } }) })]),
  )
  assert.deepEqual(await drained(log), { delivered: 0, filtered: 250, deadLettered: 0 })
  assert.equal(writes, 0)
})

/** Lets a pump seal and send one block, and kills it before that is settled. Resolves to the records that it sent. */
async function sendAndDie(t: TestContext, log: TestLog, rules: ReturnType<typeof shapes>) {
  const { promise, resolve } = Promise.withResolvers<readonly RequestRecord[]>()
  const sink: Sink = {
    async write({ records }) {
      resolve(records)
      throw new RetryableError('the reply was lost')
    },
    async [Symbol.asyncDispose]() {},
  }
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink, { shapes: rules })], { graceMs: 0 }))
  const sent = await promise
  await pump[Symbol.asyncDispose]()
  return sent
}

test('a block that was sealed under other rules is sent as it was then, and the new ones hold from the next on', async (t) => {
  const log = aLog(t)
  const all = Array.from({ length: 150 }, (_, i) => aRecord({ api: i % 2 ? 'a' : 'b', consumer: secret, team: 't' }))
  await log.append(all)
  const key = 'the first key of the hashes'
  const before = shapes({ filter: { allow: [{ api: 'a' }] }, redact: { consumer: 'hash' } }, [key])
  const sent = await sendAndDie(t, log, before)
  assert.equal(sent.length, 50)
  const backend = new Backend()
  const after = shapes({ omit: ['consumer'] }, ['the second key of the hashes', key])
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend), { shapes: after })]))
  assert.deepEqual(await drained(log), { delivered: 100, filtered: 50, deadLettered: 0 })
  const [first, second] = backend.blocks.values()
  assert.deepEqual(first, sent)
  assert.deepEqual(
    second,
    all.slice(100).map((record) => ({ ...record, consumer: '' })),
  )
})

test('a block that was sealed whole is sent whole, although the sink has rules by now', async (t) => {
  const log = aLog(t)
  const all = records(100)
  await log.append(all)
  await sendAndDie(t, log, shapes({}))
  const backend = new Backend()
  await startPump(
    t,
    pumpOptions(log, [aPumpSink(sinkInto(backend), { shapes: shapes({ filter: { block: [{ api: '*' }] } }) })]),
  )
  await drained(log)
  assert.deepEqual([...backend.blocks.values()], [all])
})

test('a block whose rules cannot be applied any more halts the sink, which says what to do and goes on when that is done', async (t) => {
  const log = aLog(t)
  await log.append(records(30))
  const key = 'the first key of the hashes'
  const sent = await sendAndDie(t, log, shapes({ redact: { consumer: 'hash' } }, [key]))
  const backend = new Backend()
  const other = aPumpSink(sinkInto(backend), { shapes: shapes({}, ['the second key of the hashes']) })
  const pump = await startPump(t, pumpOptions(log, [other]))
  await until(async () => (await pump.health()).sinks[0]?.state === 'halted', { what: 'the sink is halted' })
  assert.match((await pump.health()).sinks[0]?.reason ?? '', /hash with a key which the config no longer has/)
  assert.deepEqual(backend.sent, [])
  await pump[Symbol.asyncDispose]()
  await startPump(t, pumpOptions(log, [aPumpSink(sinkInto(backend), { shapes: shapes({}, ['the second key', key]) })]))
  await drained(log)
  assert.deepEqual([...backend.blocks.values()], [sent])
})

/** A frame of these entries; `undefined` is one that cannot be decoded and has the secret in it. */
function frameOf(entries: readonly (RequestRecord | undefined)[]): Uint8Array {
  const broken = Buffer.from(`\x91\xa6${secret}\xc0`, 'latin1') // a list of one text, and one byte too many
  const texts = new Texts()
  const packed = entries.map((entry) => (entry ? packRecord(entry, texts) : broken))
  const frame = layFrame(packed, texts)
  stampFrame(frame, { producer: '0192f0c1-2345-7abc-8def-0123456789ab', boot: 1, seq: 0, made: entries.length })
  return frame
}

const kinds = fc.array(fc.constantFrom('good', 'bad', 'filtered', 'undecodable'), { minLength: 1, maxLength: 60 })
const ways = fc.constantFrom('named', 'named, others stored', 'unnamed')

test('a rejected record is found among filtered and undecodable ones, and no dead letter holds what the sink may not have', async (t) => {
  await fc.assert(
    fc.asyncProperty(kinds, ways, async (kinds, way) => {
      const log = aLog(t)
      const entries = kinds.map((kind) =>
        kind === 'undecodable'
          ? undefined
          : aRecord({ api: kind, clientIp: secret, detail: { requestHeaders: { authorization: secret } } }),
      )
      await log.appendBytes(frameOf(entries), entries.length)
      const ofKind = (kind: string) => entries.flatMap((entry) => (entry?.api === kind ? [entry] : []))
      const backend = new Backend()
      const stored: string[] = []
      const sink = sinkInto(backend, async ({ records }) => {
        const indexes = records.flatMap(({ api }, i) => (api === 'bad' ? [i] : []))
        if (indexes.length === 0) return undefined
        const othersStored = way === 'named, others stored'
        if (othersStored) stored.push(...ids(records.filter(({ api }) => api !== 'bad')))
        throw new RejectedError('bad record', { othersStored, ...(way === 'unnamed' ? {} : { indexes }) })
      })
      const rules = shapes({
        filter: { block: [{ api: 'filtered' }] },
        redact: { clientIp: 'mark', 'detail.headers.authorization': 'mark' },
      })
      const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink, { shapes: rules })]))
      const counts = await drained(log)
      await pump[Symbol.asyncDispose]()
      const [good, bad, filtered] = [ofKind('good'), ofKind('bad'), ofKind('filtered')]
      const undecodable = entries.length - good.length - bad.length - filtered.length
      assert.deepEqual(counts, {
        delivered: good.length,
        filtered: filtered.length,
        deadLettered: bad.length + undecodable,
      })
      assert.deepEqual([...stored, ...backend.ids()].sort(), ids(good).sort())
      const letters = await deadLettersOf(log)
      const json = letters.filter(({ form }) => form === 'json').map(({ bytes }) => Buffer.from(bytes).toString())
      assert.deepEqual(json.map((text) => JSON.parse(text).id).sort(), ids(bad).sort())
      for (const { form, bytes, reason } of letters) {
        assert.ok(!Buffer.from(bytes).includes(secret) && !reason.includes(secret))
        if (form === 'undecodable')
          assert.match(reason, /Its \d+ bytes are not kept, because this sink shapes its records/)
      }
    }),
    { numRuns: 25 },
  )
})

test('a retried dead letter is delivered as it was shaped, and not shaped again', async (t) => {
  const log = aLog(t)
  await log.append([aRecord({ id: '01a4b7c8-3f20-7abc-8abc-0123456789ab', consumer: secret, weight: 2 })])
  const backend = new Backend()
  let isRefused = true
  const sink = sinkInto(backend, async () => {
    if (isRefused) throw new RejectedError('no such column')
    return undefined
  })
  const rules = shapes({ redact: { consumer: 'hash' }, sample: { oneIn: 1 } }, ['the first key of the hashes'])
  await startPump(t, pumpOptions(log, [aPumpSink(sink, { shapes: rules })]))
  assert.deepEqual(await drained(log), { delivered: 0, filtered: 0, deadLettered: 1 })
  const [letter] = await deadLettersOf(log)
  const shaped = JSON.parse(Buffer.from(letter?.bytes ?? []).toString())
  isRefused = false
  await using buffer = await log.open()
  await buffer.retryDeadLetters('sink', [letter?.id ?? -1])
  await until(async () => (await ledgerOf(log)).delivered === 1, { what: 'the letter is delivered' })
  assert.notEqual(shaped.consumer, secret)
  assert.deepEqual([...backend.blocks.values()].flat(), [shaped])
})

test('a write that takes too long is ended and sent again', async (t) => {
  const log = aLog(t)
  await log.append(records(10))
  const backend = new Backend()
  const reasons: unknown[] = []
  const sink = sinkInto(backend, async (_, signal) => {
    if (reasons.length > 0) return undefined
    const { promise, reject } = Promise.withResolvers<undefined>()
    signal.addEventListener('abort', () => {
      reasons.push(signal.reason)
      reject(new TypeError('terminated')) // as a driver may say it
    })
    return await promise
  })
  const pump = await startPump(t, pumpOptions(log, [aPumpSink(sink, { writeTimeoutMs: 20 })]))
  await drained(log)
  assert.deepEqual(backend.sent, [10])
  assert.ok(reasons[0] instanceof RetryableError && /ended after 20 ms/.test(reasons[0].message))
  assert.equal((await pump.health()).sinks[0]?.state, 'running')
})

test('a block that is tried apart is shaped as it was sealed, and so is the letter of its only record', () => {
  const rules = shapes({ filter: { block: [{ api: 'gone' }] }, redact: { consumer: 'mark' } })
  const jobOf = (entries: readonly RequestRecord[]): TrialJob => {
    const frame = { offset: 0, bytes: frameOf(entries), count: entries.length, cumulative: 9, appendedAtMs: 0 }
    const [from, to] = [
      { offset: 0, index: 0 },
      { offset: entries.length, index: 0 },
    ]
    const seal = { id: 1, from, to, token: 't', shape: rules.current?.json ?? '', deaths: 3 }
    const content = { kind: 'sealed', seal, spans: [{ frame, start: 0, end: entries.length }] } as const
    return { shard: '0', incarnation: 'i', state: new Map(), content }
  }
  const block = toTrialBlock(jobOf([aRecord({ consumer: secret }), aRecord({ api: 'gone' })]), openShapes())
  assert.deepEqual(
    block.records.map(({ consumer }) => consumer),
    ['[redacted]'],
  )
  const letterOf = (record: RequestRecord) => {
    const job = jobOf([record])
    return toOnlyLetter(job, toTrialBlock(job, openShapes()))
  }
  assert.equal(
    JSON.parse(Buffer.from(letterOf(aRecord({ consumer: secret }))?.bytes ?? []).toString()).consumer,
    '[redacted]',
  )
  assert.equal(letterOf(aRecord({ api: 'gone' })), undefined)
})
