import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestRecord } from '../../record/fields.ts'
import { type MinuteSum, MinuteSums, minuteOf } from '../../record/minute-sum.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import type { HeldId, Holdings } from '../../sinks/holdings.ts'
import type { SinkDefinition } from '../../sinks/sink.ts'
import { scratchFolder } from '../scratch.ts'
import { aBlock, nextBlock, openDelivery, patience, type SinkHarness, type SinkPlace } from './delivery.ts'

/** What the place's sink holds, as another process than the pump's opens it. */
export async function openHoldings(
  definition: SinkDefinition,
  { options }: Pick<SinkPlace, 'options'>,
  dataDir: string,
): Promise<Holdings> {
  assert.ok(definition.holdings)
  return await definition.holdings(definition.options.parse(options), { name: 'under-test', log: noLog, dataDir })
}

export interface HoldingsHarness extends SinkHarness {
  /** Whether the sink may be open in this process while its holdings are asked. */
  readonly beside: boolean
  /** Everything that the place holds as text, to search it for a name. */
  text?(place: SinkPlace): Promise<string>
}

/** 09:00:30 of a day not long ago: the minutes before and behind it belong to one hour. */
const aMinute = minuteOf(Date.now() * 1000) - 90

const at = (minute: number, overrides: Partial<RequestRecord> = {}) =>
  aRecord({ ts: (aMinute + minute) * 60_000_000 + 30_000_000, ...overrides })

export function sumsOf(records: readonly RequestRecord[]): MinuteSum[] {
  const sums = new MinuteSums()
  for (const record of records) sums.add(record)
  return sums.toList()
}

const whole = { from: aMinute - 10, to: aMinute + 10 }

async function all(ids: AsyncIterable<HeldId>): Promise<string[]> {
  const found: string[] = []
  for await (const { minute, id } of ids) found.push(`${minute - aMinute} ${id}`)
  return found.sort()
}

/** Delivers the records as two blocks, and gives the place and its holdings. */
async function delivered(t: Parameters<SinkHarness['fresh']>[0], harness: HoldingsHarness, records: RequestRecord[]) {
  const place = await harness.fresh(t)
  const delivery = await openDelivery(harness, place)
  t.after(() => delivery[Symbol.asyncDispose]())
  const half = records.length >> 1
  const first = aBlock(records.slice(0, half))
  await delivery.deliver(first)
  await delivery.deliver(nextBlock(first, records.slice(half)))
  if (!harness.beside) await delivery.sink[Symbol.asyncDispose]()
  const holdings = await openHoldings(harness.definition, place, await scratchFolder(t))
  t.after(() => holdings[Symbol.asyncDispose]())
  return { place, delivery, holdings, last: first }
}

/** What every sink that says what it holds has to keep. */
export function holdingsContract(name: string, harness: HoldingsHarness): void {
  test(`${name}: what is held is summed up by minute, and every id of a minute is named`, async (t) => {
    const records = [0, 0, 0, 1, 3, 3].map((minute) => at(minute))
    const { holdings } = await delivered(t, harness, records)
    const sums = sumsOf(records)
    assert.deepEqual(await holdings.minutes(whole, patience()), sums)
    assert.deepEqual(await holdings.minutes({ from: aMinute + 1, to: aMinute + 3 }, patience()), sums.slice(1, 2))
    const expected = records.filter(({ ts }) => minuteOf(ts) !== aMinute + 1)
    assert.deepEqual(
      await all(holdings.ids(new Set([aMinute, aMinute + 2, aMinute + 3]), patience())),
      expected.map(({ ts, id }) => `${minuteOf(ts) - aMinute} ${id}`).sort(),
    )
    assert.deepEqual(await holdings.erased(whole, patience()), [])
  })

  test(`${name}: an erasure leaves nothing of one consumer, all of the others, and its sums by minute`, async (t) => {
    const person = { org: 'default', consumer: 'Mallory "M", Ltd' }
    const traces = { team: person.consumer, path: '/people/mallory', tags: { who: 'mallory' }, keyId: 'key_mallory' }
    const detail = { requestHeaders: { 'x-who': 'mallory' }, requestBody: 'I am mallory' }
    const theirs = [0, 0, 1, 2].map((minute, i) => at(minute, { ...person, ...traces, ...(i > 1 ? { detail } : {}) }))
    const others = [at(0), at(2, { ...person, org: 'elsewhere' }), at(3, { consumer: '' })]
    const records = [theirs[0], others[0], theirs[1], others[1], theirs[2], theirs[3], others[2]] as RequestRecord[] // as listed above
    const { holdings, place, delivery } = await delivered(t, harness, records)
    const before = await holdings.minutes(whole, patience())
    assert.equal(await holdings.recordsOf(person, patience()), theirs.length)

    const erasure = await holdings.erase(person, patience())
    assert.equal(erasure.removed + erasure.overwritten, theirs.length)
    assert.equal(await holdings.recordsOf(person, patience()), 0)
    assert.equal(await holdings.recordsOf({ ...person, org: 'elsewhere' }, patience()), 1)
    const stored = await place.stored(delivery.sink)
    assert.ok(Array.isArray(stored))
    const kept = stored.filter(({ id }) => others.some((other) => other.id === id))
    assert.deepEqual(kept.map(({ id }) => id).sort(), others.map(({ id }) => id).sort())
    for (const one of kept) {
      const original = others.find(({ id }) => id === one.id)
      for (const [field, value] of Object.entries(one))
        assert.deepEqual(value, original?.[field as keyof RequestRecord], field) // a harness gives fields of the record only
    }
    const left = stored.filter(({ id }) => !others.some((other) => other.id === id))
    assert.equal(left.length, erasure.overwritten)
    assert.doesNotMatch(JSON.stringify(left), /mallory/i)
    if (harness.text) assert.doesNotMatch(await harness.text(place), /\/people\/mallory|key_mallory|I am mallory/)

    const after = sumsOf(erasure.removed === 0 ? [] : theirs)
    assert.deepEqual(await holdings.erased(whole, patience()), after)
    if (erasure.removed === 0) assert.deepEqual(await holdings.minutes(whole, patience()), before)
    else assert.deepEqual(await holdings.minutes(whole, patience()), sumsOf(others))
  })

  test(`${name}: an erasure that finds nobody, or is repeated, changes nothing`, async (t) => {
    const records = [at(0), at(1, { consumer: 'mallory' })]
    const { holdings } = await delivered(t, harness, records)
    const person = { org: 'default', consumer: 'mallory' }
    await holdings.erase(person, patience())
    const [held, erased] = [await holdings.minutes(whole, patience()), await holdings.erased(whole, patience())]
    for (const consumer of ['mallory', 'nobody']) {
      const { removed, overwritten } = await holdings.erase({ ...person, consumer }, patience())
      assert.deepEqual([removed, overwritten], [0, 0])
    }
    assert.deepEqual(
      [await holdings.minutes(whole, patience()), await holdings.erased(whole, patience())],
      [held, erased],
    )
  })

  if (harness.beside)
    test(`${name}: the sink goes on writing after an erasure`, async (t) => {
      const records = [at(0, { consumer: 'mallory' }), at(0), at(0, { consumer: 'mallory' })]
      const { holdings, delivery, last } = await delivered(t, harness, records)
      await holdings.erase({ org: 'default', consumer: 'mallory' }, patience())
      const more = [at(1), at(1)]
      await delivery.deliver({ ...nextBlock(last, more), seq: 3, endSeq: 5 })
      assert.deepEqual(await holdings.minutes({ from: aMinute + 1, to: aMinute + 2 }, patience()), sumsOf(more))
    })
}
