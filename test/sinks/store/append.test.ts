import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RequestRecord } from '../../../record/fields.ts'
import { outcomes } from '../../../record/outcome.ts'
import { aRecord } from '../../../record/sample.ts'
import { RejectedError } from '../../../sinks/sink.ts'
import { readParquet } from './parquet-reader.ts'
import { aFolder, listedIn, openIn, parquetIn } from './place.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const nine = Date.UTC(2026, 10, 21, 9)

const byId = (records: readonly RequestRecord[]) => records.toSorted((a, b) => (a.id < b.id ? -1 : 1))

test('a block over two hours makes a file for each, in a folder of its day', async (t) => {
  const dir = await aFolder(t)
  const { append } = await openIn(t, dir)
  const late = aRecord({ ts: (nine - 1000) * 1000 })
  const early = aRecord({ ts: nine * 1000 })
  await append([late, early, late], { appendedAtMs: nine + 5000 })
  assert.deepEqual(
    parquetIn(dir).map((path) => path.slice(0, 13)),
    ['2026-11-21/08', '2026-11-21/09'],
  )
})

test('however wrong the clocks are, a block makes at most 25 files, and the times stay as they are', async (t) => {
  const dir = await aFolder(t)
  const { append, close } = await openIn(t, dir)
  const records = Array.from({ length: 3000 }, (_, i) => aRecord({ ts: i * 1_000_000_000_000 }))
  records.push(aRecord({ ts: (nine + 30 * dayMs) * 1000 }), aRecord({ ts: Number.MAX_SAFE_INTEGER }))
  await append(records, { appendedAtMs: nine })
  const times = (await readParquet(dir)).map(({ ts }) => ts)
  assert.deepEqual(
    times.toSorted((a, b) => a - b),
    records.map(({ ts }) => ts).sort((a, b) => a - b),
  )
  await close()
  const hours = listedIn(dir).map(({ hour }) => hour * hourMs)
  assert.ok(hours.length <= 25)
  assert.ok(hours.every((ms) => ms <= nine && ms >= nine - dayMs - hourMs))
})

test('a token that the store has is passed over, also after a restart', async (t) => {
  const dir = await aFolder(t)
  const first = await openIn(t, dir)
  await first.append([aRecord()], { token: 'a' })
  await first.append([aRecord(), aRecord()], { token: 'a' })
  await first.close()
  const next = await openIn(t, dir)
  await next.append([aRecord()], { token: 'a' })
  assert.equal(await next.count(), 1)
})

test('blocks that come at once are all stored', async (t) => {
  const { append, count } = await openIn(t, await aFolder(t))
  await Promise.all(Array.from({ length: 10 }, () => append([aRecord(), aRecord()])))
  assert.equal(await count(), 20)
})

for (const different of [1, 255, 256, 257, 600, 4095, 4096, 4097, 5000]) {
  test(`a column of ${different} different texts comes back unchanged`, async (t) => {
    const dir = await aFolder(t)
    const { append } = await openIn(t, dir)
    const records = Array.from({ length: 6000 }, (_, i) =>
      aRecord({ host: `host-${i % different}`, endpoint: `GET /${(i * 7) % different}`, route: `/${i % 3}` }),
    )
    await append(records)
    assert.deepEqual(byId(await readParquet(dir)), byId(records))
  })
}

test('texts that are hard to tell apart come back unchanged', async (t) => {
  const dir = await aFolder(t)
  const { append } = await openIn(t, dir)
  const records = Array.from({ length: 600 }, (_, i) =>
    aRecord({
      userAgent: `a${String(i % 60).padStart(2, '0')}${'x'.repeat(500)}`,
      referer: `${'y'.repeat(700)}${i % 3}`,
    }),
  )
  await append(records)
  assert.deepEqual(byId(await readParquet(dir)), byId(records))
})

const text = fc.oneof(
  fc.constantFrom('', 'a', "it's", '"', '\0', 'a\0b', 'ü', '日本', '🙂', '\n', 'x'.repeat(300)),
  fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed()),
)
const whole = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1))

const anyRecord: fc.Arbitrary<RequestRecord> = fc
  .record({
    weight: fc.oneof(fc.constant(1), fc.double({ min: 1, noNaN: true, noDefaultInfinity: true })),
    ts: whole,
    api: text,
    route: text,
    endpoint: text,
    path: text,
    status: fc.integer({ min: 100, max: 599 }),
    outcome: fc.constantFrom(...outcomes),
    consumer: text,
    team: text,
    totalUs: whole,
    bytesIn: whole,
    tries: fc.integer({ min: 0, max: 255 }),
    tags: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
      { noNullPrototype: true },
    ),
    detail: fc.option(fc.record({ requestBody: text, truncated: fc.array(text) }, { noNullPrototype: true })),
  })
  .map((fields) => aRecord(fields))

test('whatever records come are stored unchanged', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRecord, { minLength: 1, maxLength: 300 }), async (records) => {
      const dir = await aFolder(t)
      const { append, close } = await openIn(t, dir)
      await append(records)
      assert.deepEqual(byId(await readParquet(dir)), byId(records))
      await close()
    }),
    { numRuns: 25 },
  )
})

test('no file is larger than was reserved for it, however little its records compress', async (t) => {
  const shapes: ((i: number) => Partial<RequestRecord>)[] = [
    () => ({}),
    () => ({ path: randomBytes(2000).toString('base64') }),
    (i) => ({ userAgent: randomBytes(i % 500).toString('latin1') }),
    () => ({ detail: { responseBody: randomBytes(50_000).toString('base64') } }),
    () => ({ path: '日'.repeat(4000), tags: { [randomBytes(30).toString('hex')]: randomBytes(300).toString('hex') } }),
  ]
  for (const shape of shapes) {
    const dir = await aFolder(t)
    const { append, close } = await openIn(t, dir)
    for (const count of [1, 40, 300]) await append(Array.from({ length: count }, (_, i) => aRecord(shape(i))))
    await close()
    for (const { bytes, boundBytes } of listedIn(dir)) assert.ok(bytes <= boundBytes, `${bytes} > ${boundBytes}`)
  }
})

const unfit: Record<string, object> = {
  'a status that its column cannot hold': { status: 70_000 },
  'more tries than its column can hold': { tries: 256 },
  'a fraction of a byte': { bytesIn: 0.5 },
  'a negative duration': { totalUs: -1 },
  'a time that is no number': { ts: '2026' },
  'an id that is no UUID': { id: 'x' },
  'a number for a text': { host: 7 },
  'no text at all': { userAgent: undefined },
  'a weight that is a text': { weight: '1' },
}

for (const [what, wrong] of Object.entries(unfit)) {
  test(`a record with ${what} is rejected by its place, and nothing of the block is stored`, async (t) => {
    const dir = await aFolder(t)
    const { append, count } = await openIn(t, dir)
    const fit = [aRecord(), aRecord({ ts: (Date.now() - hourMs) * 1000 })]
    const bad = { ...aRecord(), ...wrong } as RequestRecord // on purpose
    const error = await append([...fit, bad, aRecord(), bad]).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof RejectedError)
    assert.deepEqual(error.indexes, [2, 4])
    assert.match(error.message, new RegExp(Object.keys(wrong)[0] ?? '')) // one field each
    assert.deepEqual(parquetIn(dir), [])
    await append(fit)
    assert.equal(await count(), 2)
  })
}

test('a store that is closed while a block waits its turn says so', async (t) => {
  const { append, close } = await openIn(t, await aFolder(t))
  const appending = Array.from({ length: 3 }, () => append([aRecord()]).then(() => 'stored', String))
  await close()
  for (const end of await Promise.all(appending)) assert.match(end, /^stored$|The store is closed/)
})
