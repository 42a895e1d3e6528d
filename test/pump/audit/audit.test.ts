import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Buffer, endOf, ledgerDays, type Reader } from '../../../buffer/buffer.ts'
import { audit } from '../../../pump/audit/audit.ts'
import type { Finding, NamedRecord } from '../../../pump/audit/finding.ts'
import type { RequestRecord } from '../../../record/fields.ts'
import { MinuteSums, minuteOf } from '../../../record/minute-sum.ts'
import { aRecord } from '../../../record/sample.ts'
import type { Holdings } from '../../../sinks/holdings.ts'
import { RetryableError } from '../../../sinks/sink.ts'
import { aLog } from '../log.ts'

const aMinute = minuteOf(Date.now() * 1000) - 10
const records = (count: number, minute = aMinute) =>
  Array.from({ length: count }, () => aRecord({ ts: minute * 60_000_000 }))

function sumsOf(list: readonly RequestRecord[], { from, to }: { from: number; to: number }) {
  const sums = new MinuteSums()
  for (const record of list) sums.add(record)
  return sums.toList().filter(({ minute }) => minute >= from && minute < to)
}

/** A sink that holds these records, as they are at each question. */
function holding(held: readonly RequestRecord[], overrides: Partial<Holdings> = {}): Holdings {
  return {
    minutes: async (range) => sumsOf(held, range),
    async *ids(minutes) {
      for (const { id, ts } of held) if (minutes.has(minuteOf(ts))) yield { minute: minuteOf(ts), id }
    },
    erased: async () => [],
    horizon: async () => undefined,
    recordsOf: async () => 0,
    erase: async () => ({ removed: 0, overwritten: 0, notes: [] }),
    async [Symbol.asyncDispose]() {},
    ...overrides,
  }
}

/** A log whose sinks have settled what they were given, and hold what a test says. */
async function aSystem(t: TestContext) {
  const log = aLog(t)
  const buffer = await log.open()
  t.after(() => buffer[Symbol.asyncDispose]())
  const take = async (sink: string) => {
    const reader = await buffer.reader({ sink, shard: '0', owner: 'test', startAt: 'oldest' })
    assert.ok(reader)
    return reader
  }
  return {
    buffer,
    append: log.append,
    take,
    async settle(sink: string, delivered: readonly RequestRecord[]) {
      await using reader = await take(sink)
      await settleAll(reader, delivered)
    },
    async ask(holdings: Record<string, Holdings | string>, range = { from: aMinute - 5, to: aMinute + 5 }) {
      return await ask(buffer, holdings, range)
    },
  }
}

async function settleAll(reader: Reader, delivered: readonly RequestRecord[]) {
  const from = reader.cursor
  const last = (await reader.read(from, { maxBytes: 1e9 })).at(-1)
  assert.ok(last)
  const seal = await reader.seal({ from, to: endOf(last), token: `${Math.random()}`, shape: '{}' })
  const minutes = sumsOf(delivered, { from: 0, to: Number.MAX_SAFE_INTEGER })
  await reader.settle(seal, { delivered: delivered.length, filtered: 0, deadLetters: [], minutes })
}

async function ask(buffer: Buffer, holdings: Record<string, Holdings | string>, range: { from: number; to: number }) {
  const sinks = Object.entries(holdings).map(([name, held]) => ({ name, holdings: held, refuses: () => false }))
  const judged = new Set(Object.keys(holdings))
  const found: Finding[] = []
  for await (const finding of audit({ buffer, sinks, judged, range, signal: AbortSignal.timeout(60_000) }))
    found.push(finding)
  return found
}

const missingIn = (found: readonly Finding[]) =>
  found.filter((finding): finding is NamedRecord => finding.kind === 'missing')

const kinds = (found: readonly Finding[]) => found.map(({ kind, sink }) => `${sink} ${kind}`)

test('what each sink holds equals the minute ledger (I18)', async (t) => {
  const { append, settle, ask } = await aSystem(t)
  const all = [...records(3), ...records(2, aMinute + 1)]
  await append(all)
  for (const sink of ['one', 'other']) await settle(sink, all)
  const found = await ask({ one: holding(all), other: holding(all) })
  assert.deepEqual(kinds(found), ['one verdict', 'other verdict'])
  assert.deepEqual(
    found.map((one) => one.kind === 'verdict' && [one.minutes, one.delivered, one.differing]),
    [
      [2, 5, 0],
      [2, 5, 0],
    ],
  )
})

test('a missing record is named by the log alone while its frame is held, and only counted behind that', async (t) => {
  const { buffer, append, settle, ask } = await aSystem(t)
  const all = records(5)
  await append(all)
  await settle('sink', all)
  const held = { sink: holding(all.slice(3)) }
  const named = missingIn(await ask(held))
  assert.deepEqual(
    named.map(({ id, seenIn }) => [id, seenIn]).sort(),
    all
      .slice(0, 3)
      .map(({ id }) => [id, ['log']])
      .sort(),
  )
  await buffer.trim()
  const [difference, unnamed, verdict] = await ask(held)
  assert.ok(difference?.kind === 'difference' && unnamed?.kind === 'unnamed' && verdict?.kind === 'verdict')
  assert.deepEqual([difference.delivered, difference.held, unnamed.missing, verdict.missing], [5, 2, 3, 3])
  assert.match(unnamed.because, /no other sink and no frame/)
})

test('what was erased is not missing', async (t) => {
  const { append, settle, ask } = await aSystem(t)
  const all = records(5)
  await append(all)
  await settle('sink', all)
  const erased = async (range: { from: number; to: number }) => sumsOf(all.slice(0, 2), range)
  assert.deepEqual(kinds(await ask({ sink: holding(all.slice(2), { erased }) })), ['sink verdict'])
  const found = await ask({ sink: holding(all.slice(3), { erased }) })
  assert.deepEqual(
    missingIn(found).map(({ id }) => id),
    [all[2]?.id],
  )
})

test('minutes beyond a sink’s horizon and beyond the ledger are not judged, and said to be so', async (t) => {
  const { append, settle, ask } = await aSystem(t)
  const all = [...records(2), ...records(2, aMinute + 2)]
  await append(all)
  await settle('sink', all)
  const horizon = async () => ({ minute: aMinute + 1, because: 'it is small' })
  const oldest = aMinute - (ledgerDays + 1) * 24 * 60
  const found = await ask({ sink: holding(all.slice(2), { horizon }) }, { from: oldest, to: aMinute + 5 })
  assert.deepEqual(kinds(found), ['sink unjudged', 'sink unjudged', 'sink verdict'])
  const [ledger, small, verdict] = found
  assert.match(ledger?.kind === 'unjudged' ? ledger.because : '', /ledger keeps 40 days/)
  assert.ok(small?.kind === 'unjudged' && small.to === aMinute + 1)
  assert.ok(verdict?.kind === 'verdict' && verdict.minutes === 1)
})

test('a dead letter that is being delivered again is no difference yet, and one that is not held is not missing', async (t) => {
  const { buffer, append, take, ask } = await aSystem(t)
  const all = records(4)
  await append(all)
  {
    await using reader = await take('sink')
    const to = await buffer.end('0')
    const seal = await reader.seal({ from: reader.cursor, to, token: 'a', shape: '{}' })
    const deadLetters = all.slice(0, 2).map((record) => ({
      form: 'json' as const,
      bytes: new TextEncoder().encode(JSON.stringify(record)),
      reason: 'refused',
    }))
    const minutes = sumsOf(all.slice(2), { from: 0, to: Number.MAX_SAFE_INTEGER })
    await reader.settle(seal, { delivered: 2, filtered: 0, deadLetters, minutes })
  }
  assert.deepEqual(kinds(await ask({ sink: holding(all.slice(2)) })), ['sink unjudged', 'sink verdict'])
  const [letter] = await buffer.deadLetters('sink', { limit: 1 })
  await buffer.retryDeadLetters('sink', [letter?.id ?? 0])
  assert.deepEqual(kinds(await ask({ sink: holding([...all.slice(2), ...all.slice(0, 1)]) })), [
    'sink unjudged',
    'sink verdict',
  ])
})

test('a minute that never stands still is told, and only what is there twice is named of it', async (t) => {
  const { append, take, ask } = await aSystem(t)
  const held: RequestRecord[] = []
  const [first] = records(1)
  assert.ok(first)
  held.push(first, first)
  await append([first])
  await using reader = await take('sink')
  await settleAll(reader, [first])
  let cursor = (await reader.read(reader.cursor, { maxBytes: 1e9 })).at(-1)
  const moving = holding(held, {
    async *ids() {
      for (const { id } of held) yield { minute: aMinute, id }
      const more = records(1)
      await append(more)
      assert.ok(cursor)
      const from = endOf(cursor)
      cursor = (await reader.read(from, { maxBytes: 1e9 })).at(-1)
      assert.ok(cursor)
      const seal = await reader.seal({ from, to: endOf(cursor), token: `${from.offset}`, shape: '{}' })
      const minutes = sumsOf(more, { from: 0, to: Number.MAX_SAFE_INTEGER })
      await reader.settle(seal, { delivered: 1, filtered: 0, deadLetters: [], minutes })
      held.push(...more)
    },
  })
  const found = await ask({ sink: moving })
  assert.deepEqual(kinds(found), ['sink difference', 'sink doubled', 'sink unjudged', 'sink verdict'])
  assert.ok(found[2]?.kind === 'unjudged' && /being settled/.test(found[2].because))
})

test('a sink that does not answer is told, one that cannot be asked as well, and neither hinders the others', async (t) => {
  const { append, settle, ask } = await aSystem(t)
  const all = records(3)
  await append(all)
  for (const sink of ['dead', 'mute', 'well']) await settle(sink, all)
  const silent = async () => {
    throw new RetryableError('It is down.')
  }
  const found = await ask({
    dead: holding(all, { minutes: silent }),
    mute: 'It keeps sums.',
    well: holding(all.slice(1)),
  })
  assert.deepEqual(kinds(found), [
    'dead unreachable',
    'mute unjudged',
    'well difference',
    'well missing',
    'well verdict',
  ])
})
