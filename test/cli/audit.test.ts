import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { aRecord } from '../../record/sample.ts'
import { freePort } from '../services/port.ts'
import { type Audited, type Line, openAudited } from './audited.ts'

const someRecords = (count: number) => {
  const ts = (Date.now() - 120_000) * 1000
  return Array.from({ length: count }, () => aRecord({ ts }))
}

const verdicts = (lines: readonly Line[]) =>
  Object.fromEntries(
    lines
      .filter(({ kind }) => kind === 'verdict')
      .map(({ sink, differing, missing, doubled, unknown }) => [sink, { differing, missing, doubled, unknown }]),
  )
const named = (lines: readonly Line[]) =>
  lines.filter(({ id }) => id !== undefined).map(({ kind, sink, id, seenIn }) => ({ kind, sink, id, seenIn }))
const equal = { differing: 0, missing: 0, doubled: 0, unknown: 0 }
const holders = ['clickhouse', 'mongo', 'store', 'file']

/** Takes a record out of the one Parquet file that has it, as somebody with the right tool would. */
async function deleteFromStore({ folder }: Audited, id: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  for (const file of globSync(join(folder, 'data/store/*/*.parquet'))) {
    await connection.run(`CREATE OR REPLACE TABLE kept AS SELECT * FROM read_parquet('${file}') WHERE id <> '${id}'`)
    await connection.run(`COPY kept TO '${file}' (FORMAT parquet)`)
  }
  connection.closeSync()
  instance.closeSync()
}

test('sinks that hold what was delivered are equal, while the pump runs and while it does not', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver(someRecords(30))
  for (const state of ['running', 'stopped']) {
    if (state === 'stopped') await audited.stop()
    const { code, lines, errors } = await audited.ask('audit', '--from', '1h')
    assert.deepEqual(verdicts(lines), Object.fromEntries(holders.map((sink) => [sink, equal])), errors)
    assert.equal(code, 0, state)
    const unjudged = lines.filter(({ kind }) => kind === 'unjudged')
    assert.deepEqual(
      unjudged.map(({ sink, because }) => [sink, /sums alone/.test(String(because))]),
      [['prometheus', true]],
    )
  }
})

test('a record that was deleted by hand and one that was inserted twice are named, wherever that was', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  const records = someRecords(30)
  await audited.deliver(records)
  await audited.stop()
  const ids = records.map(({ id }) => id)
  const [ofClickHouse = '', ofMongo = '', ofStore = '', ofFile = '', twice = '', twiceInFile = ''] = ids
  const { clickhouse, mongo, folder } = audited
  await clickhouse.run(`ALTER TABLE penstock_requests DELETE WHERE id = '${ofClickHouse}' SETTINGS mutations_sync = 2`)
  await clickhouse.run(`INSERT INTO penstock_requests SELECT * FROM penstock_requests WHERE id = '${twice}'`)
  await mongo.collection('penstock_requests').deleteOne({ _id: ofMongo as never })
  await deleteFromStore(audited, ofStore)
  const [file = ''] = globSync(join(folder, 'data/files/*.jsonl'))
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  await writeFile(
    file,
    lines
      .filter((line) => !line.includes(ofFile))
      .map((line) => `${line}\n`)
      .join(''),
  )
  await appendFile(file, `${lines.find((line) => line.includes(twiceInFile))}\n`)

  const answer = await audited.ask('audit', '--from', '1h')
  assert.equal(answer.code, 1, answer.errors)
  const seenBut = (sink: string) => holders.filter((one) => one !== sink)
  const bySink = (one: { sink: unknown; kind: unknown }) => `${one.sink} ${one.kind}`
  assert.deepEqual(
    named(answer.lines)
      .map(({ seenIn, ...rest }) => ({ ...rest, seenIn: (seenIn as string[]).filter((one) => one !== 'log').sort() }))
      .sort((a, b) => (bySink(a) < bySink(b) ? -1 : 1)),
    [
      { kind: 'doubled', sink: 'clickhouse', id: twice, seenIn: seenBut('clickhouse').sort() },
      { kind: 'missing', sink: 'clickhouse', id: ofClickHouse, seenIn: seenBut('clickhouse').sort() },
      { kind: 'doubled', sink: 'file', id: twiceInFile, seenIn: seenBut('file').sort() },
      { kind: 'missing', sink: 'file', id: ofFile, seenIn: seenBut('file').sort() },
      { kind: 'missing', sink: 'mongo', id: ofMongo, seenIn: seenBut('mongo').sort() },
      { kind: 'missing', sink: 'store', id: ofStore, seenIn: seenBut('store').sort() },
    ],
  )
  const differing = answer.lines.filter(({ kind }) => kind === 'difference')
  assert.deepEqual(
    differing.map(({ sink, delivered, held }) => [sink, delivered, held]),
    [
      ['clickhouse', 30, 30],
      ['mongo', 30, 29],
      ['store', 30, 29],
      ['file', 30, 30],
    ],
  )
  const one = await audited.ask('audit', '--from', '1h', '--sink', 'mongo')
  assert.deepEqual(
    named(one.lines).map(({ sink, id }) => [sink, id]),
    [['mongo', ofMongo]],
  )
})

test('what is not settled is told, and what of it a sink already has is no difference', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver(someRecords(10))
  await audited.stop()
  const waiting = someRecords(7)
  await audited.append(waiting)
  // As a block on its way when the pump died: in the sink, and not settled.
  const [file = ''] = globSync(join(audited.folder, 'data/files/*.jsonl'))
  await appendFile(file, waiting.map((record) => `${JSON.stringify(record)}\n`).join(''))
  const { code, lines } = await audited.ask('audit', '--from', '1h')
  assert.equal(code, 0)
  assert.deepEqual(verdicts(lines).file, equal)
  assert.deepEqual(
    lines.filter(({ kind, records }) => kind === 'unjudged' && records === 7).map(({ sink }) => sink),
    holders,
  )
})

test('beside traffic, nothing that is on its way is taken for a difference', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver(someRecords(5))
  let isOver = false
  const traffic = (async () => {
    while (!isOver) {
      await audited.append([aRecord(), ...someRecords(2)])
      await turn()
    }
  })()
  try {
    for (let i = 0; i < 2; i++) {
      const { code, out } = await audited.ask('audit', '--from', '10m')
      assert.equal(code, 0, out)
    }
  } finally {
    isOver = true
    await traffic
  }
})

test('a backend that does not answer is told, and the others are judged', async (t) => {
  const port = await freePort()
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver(someRecords(5))
  await audited.stop()
  const config = JSON.parse(await readFile(audited.configFile, 'utf8'))
  config.sinks.clickhouse.url = `http://127.0.0.1:${port}`
  await writeFile(audited.configFile, JSON.stringify(config))
  const { code, lines } = await audited.ask('audit', '--from', '1h')
  assert.equal(code, 5)
  assert.deepEqual(
    lines
      .filter(({ kind }) => kind === 'unreachable')
      .map(({ sink, because }) => [sink, /did not answer/.test(String(because))]),
    [['clickhouse', true]],
  )
  assert.deepEqual(Object.keys(verdicts(lines)), ['mongo', 'store', 'file'])
})

test('a sink that gets a sample is judged by what it was given', async (t) => {
  const audited = await openAudited(t, { file: { shape: { sample: { oneIn: 3 } } } })
  await audited.start()
  const records = someRecords(60)
  await audited.deliver(records)
  const { code, lines } = await audited.ask('audit', '--from', '1h')
  assert.equal(code, 0)
  const file = lines.find(({ kind, sink }) => kind === 'verdict' && sink === 'file')
  assert.ok(Number(file?.delivered) > 0 && Number(file?.delivered) < 60)
})

test('times and names that cannot be are answered with what to write', async (t) => {
  const { ask } = await openAudited(t)
  const answers = [
    [4, /"yesterday" is no time/, 'audit', '--from', 'yesterday'],
    [4, /ends before it begins/, 'audit', '--from', '1h', '--to', '2h'],
    [2, /Say from when/, 'audit'],
    [2, /Did you mean "clickhouse"/, 'audit', '--from', '1h', '--sink', 'clickhose'],
  ] as const
  for (const [code, message, ...args] of answers) {
    const answer = await ask(...args)
    assert.equal(answer.code, code)
    assert.match(answer.errors, message)
  }
})
