import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { minuteOf } from '../../../record/minute-sum.ts'
import { aRecord } from '../../../record/sample.ts'
import store from '../../../sinks/store/store.ts'
import { scratchFolder } from '../../scratch.ts'
import { until } from '../../services/until.ts'
import { patience, type SinkPlace } from '../delivery.ts'
import { holdingsContract, openHoldings, sumsOf } from '../holdings-contract.ts'
import { readParquet } from './parquet-reader.ts'
import { aFolder, openIn, parquetIn } from './place.ts'

async function fresh(t: TestContext): Promise<SinkPlace> {
  const dir = await aFolder(t)
  return { options: { dir }, stored: () => readParquet(dir) }
}

const textIn = (dir: string) =>
  globSync('**/*', { cwd: dir, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
    .join('')

for (const beside of [true, false]) {
  const when = beside ? 'while another process has it open' : 'while nobody has it open'
  holdingsContract(`store, ${when}`, {
    definition: store,
    fresh,
    beside,
    text: async ({ options }) => textIn(String(options.dir)),
  })
}

const mallory = { org: 'default', consumer: 'mallory' }
const minutesAround = () => ({ from: minuteOf(Date.now() * 1000) - 10, to: minuteOf(Date.now() * 1000) + 10 })

test('an erasure rewrites the files that hold the consumer, leaves the others, and removes what is left empty', async (t) => {
  const dir = await aFolder(t)
  const { store: open, append, close } = await openIn(t, dir)
  await append([aRecord(mallory), aRecord()])
  await append([aRecord()])
  const [, untouched] = [parquetIn(dir), parquetIn(dir).length]
  assert.equal(untouched, 2)
  await append([aRecord(mallory)])
  await using holdings = await openHoldings(store, { options: { dir } }, await scratchFolder(t))
  assert.equal((await holdings.erase(mallory, patience())).removed, 2)
  assert.equal(open.status().rows, 2)
  assert.equal(parquetIn(dir).length, 2)
  await close()
  assert.doesNotMatch(textIn(dir), /mallory/)
})

test('when the process that was asked to erase dies, the one that asks does it', async (t) => {
  const dir = await aFolder(t)
  const { append, close } = await openIn(t, dir)
  await append([aRecord(mallory), aRecord()])
  await using holdings = await openHoldings(store, { options: { dir } }, await scratchFolder(t))
  const erasing = holdings.erase(mallory, patience())
  await close()
  assert.equal((await erasing).removed, 1)
})

test('holdings read beside merges, and what was merged counts once', async (t) => {
  const dir = await aFolder(t)
  const { append } = await openIn(t, dir)
  await using holdings = await openHoldings(store, { options: { dir } }, await scratchFolder(t))
  const records = []
  for (let i = 0; i < 9; i++) {
    const record = aRecord()
    records.push(record)
    await append([record])
    assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records))
  }
  await until(() => parquetIn(dir).length < 9, { what: 'the files to be merged' })
  assert.deepEqual(await holdings.minutes(minutesAround(), patience()), sumsOf(records))
})

test('minutes that the store has let go of cannot be judged', async (t) => {
  const dir = await aFolder(t)
  const hour = 3_600_000
  let nowMs = Date.now() - 48 * hour
  const { append } = await openIn(t, dir, { retentionDays: 1, now: () => nowMs })
  await append([aRecord({ ts: nowMs * 1000 })], { appendedAtMs: nowMs })
  await using holdings = await openHoldings(store, { options: { dir } }, await scratchFolder(t))
  assert.equal(await holdings.horizon(patience()), undefined)
  nowMs = Date.now()
  await append([aRecord()])
  await until(() => parquetIn(dir).length === 1, { what: 'the old hour to go' })
  const kept = await holdings.horizon(patience())
  assert.ok(kept && kept.minute > nowMs / 60_000 - 25 * 60 && kept.minute <= nowMs / 60_000 - 23 * 60)
})

test('where there is no store, it is said where to ask', async (t) => {
  const dir = await aFolder(t)
  await using holdings = await openHoldings(store, { options: { dir } }, await scratchFolder(t))
  await assert.rejects(holdings.minutes(minutesAround(), patience()), {
    name: 'HaltError',
    message: /There is no store at .*ask on the machine that has it/,
  })
})
