import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { aRecord } from '../../record/sample.ts'
import { freePort } from '../services/port.ts'
import { type Audited, type Line, openAudited } from './audited.ts'

const name = 'Mallory & Sons'
const ts = (Date.now() - 120_000) * 1000

function theirs() {
  const detail = { requestBody: `from ${name}` }
  return aRecord({ ts, consumer: name, team: name, path: `/of/${name}`, tags: { of: name }, detail })
}

const others = (count: number) => Array.from({ length: count }, () => aRecord({ ts, consumer: 'globex' }))

/** Everything that the sinks of the data folder hold, as bytes. */
function textOf({ folder }: Audited): string {
  const files = globSync('data/{store,files}/**/*', { cwd: folder, withFileTypes: true }).filter((one) => one.isFile())
  return files.map(({ parentPath, name: file }) => readFileSync(join(parentPath, file), 'latin1')).join('')
}

async function traces(audited: Audited): Promise<string[]> {
  const { clickhouse, mongo } = audited
  const texts: [string, string][] = [['files and store', textOf(audited)]]
  const tables = await clickhouse.rows<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
  )
  for (const { name: table } of tables)
    texts.push([table, JSON.stringify(await clickhouse.rows(`SELECT * FROM ${table}`))])
  for (const collection of await mongo.collections())
    texts.push([collection.collectionName, JSON.stringify(await collection.find().toArray())])
  return texts.filter(([, text]) => text.includes('Mallory')).map(([place]) => place)
}

const facts = (lines: readonly Line[]) =>
  Object.fromEntries(lines.map(({ sink, found, removed, overwritten }) => [sink, { found, removed, overwritten }]))

test('an erasure leaves no trace by query nor in any file, while the pump runs, and an audit stays equal', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver([theirs(), ...others(5), theirs(), theirs()])
  assert.equal((await traces(audited)).length, 5)

  const { code, lines, errors } = await audited.ask('erase', '--consumer', name, '--yes')
  const gone = { found: 3, removed: 3, overwritten: 0 }
  assert.deepEqual(
    facts(lines),
    {
      clickhouse: gone,
      mongo: gone,
      store: gone,
      file: { found: 3, removed: 0, overwritten: 3 },
      prometheus: { found: undefined, removed: 0, overwritten: 0 },
    },
    errors,
  )
  assert.equal(code, 0)
  assert.deepEqual(await traces(audited), [])
  const said = lines.flatMap(({ sink, notes }) => (notes as string[]).map((note) => `${sink}: ${note}`)).join('\n')
  assert.match(said, /prometheus: .*delete series in Prometheus/)
  assert.match(said, /file: Lines stay where they are/)

  const audit = await audited.ask('audit', '--from', '1h')
  assert.equal(audit.code, 0, audit.out)
  const again = await audited.ask('erase', '--consumer', name, '--yes')
  assert.equal(again.code, 0)
  assert.ok(again.lines.every(({ removed, overwritten }) => removed === 0 && overwritten === 0))

  await audited.deliver([theirs(), ...others(2)])
  assert.equal((await audited.ask('erase', '--consumer', name, '--yes')).code, 0)
  assert.deepEqual(await traces(audited), [])
  const later = await audited.ask('audit', '--from', '1h')
  assert.equal(later.code, 0, later.out)
})

test('without --yes it is counted what would go, and nothing goes', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver([theirs(), ...others(2)])
  const { code, lines, errors } = await audited.ask('erase', '--consumer', name)
  assert.equal(code, 2)
  assert.match(errors, /Nothing was erased.*--yes/)
  assert.deepEqual(
    lines.flatMap(({ sink, found }) => (found === undefined ? [] : [[sink, found]])),
    ['clickhouse', 'mongo', 'store', 'file'].map((sink) => [sink, 1]),
  )
  assert.equal((await traces(audited)).length, 5)
})

test('records that are on their way are told, and the same command takes them later', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver([theirs(), ...others(1)])
  await audited.stop()
  await audited.append([theirs(), theirs(), ...others(1)])
  const early = await audited.ask('erase', '--consumer', name, '--yes')
  assert.equal(early.code, 1)
  assert.deepEqual([...new Set(early.lines.map(({ waiting }) => waiting))], [2])
  await audited.start()
  await audited.deliver(others(1))
  assert.equal((await audited.ask('erase', '--consumer', name, '--yes')).code, 0)
  assert.deepEqual(await traces(audited), [])
  const audit = await audited.ask('audit', '--from', '1h')
  assert.equal(audit.code, 0, audit.out)
})

test('dead letters of the consumer are let go of, and no others', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver(others(2))
  await audited.stop()
  await using buffer = await openSqliteBuffer({ dir: join(audited.folder, 'data'), maxBytes: 1e9 })
  const [mine, another] = [theirs(), ...others(1)]
  await audited.append([mine, another ?? mine])
  {
    await using reader = await buffer.reader({ sink: 'mongo', shard: '0', owner: 'test', startAt: 'oldest' })
    assert.ok(reader)
    const to = await buffer.end('0')
    const seal = await reader.seal({ from: reader.cursor, to, token: 'a', shape: '{}' })
    const letters = [mine, another].map((record) => ({
      form: 'json' as const,
      bytes: Buffer.from(JSON.stringify(record)),
      reason: 'refused',
    }))
    await reader.settle(seal, { delivered: 0, filtered: 0, deadLetters: letters })
  }
  const { lines } = await audited.ask('erase', '--consumer', name, '--sink', 'mongo', '--yes')
  assert.deepEqual(
    lines.map(({ sink, deadLetters, waiting }) => [sink, deadLetters, waiting]),
    [['mongo', 1, 0]],
  )
  const left = await buffer.deadLetters('mongo', { limit: 10 })
  assert.deepEqual(
    left.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).id),
    [another?.id],
  )
})

test('a sink whose rules hash the consumer is searched for the hash, and one that hides it is left alone', async (t) => {
  const audited = await openAudited(t, {
    file: { shape: { redact: { consumer: 'hash', team: 'hash' }, omit: ['path', 'tags', 'detail'] } },
    store: { shape: { redact: { consumer: 'mark', team: 'mark' }, omit: ['path', 'tags', 'detail'] } },
  })
  const config = JSON.parse(await readFile(audited.configFile, 'utf8'))
  config.pump.hashKeys = ['a-key-of-enough-length']
  await writeFile(audited.configFile, JSON.stringify(config))
  await audited.start()
  await audited.deliver([theirs(), ...others(3)])
  const { lines } = await audited.ask('erase', '--consumer', name, '--yes')
  assert.deepEqual(facts(lines).file, { found: 1, removed: 0, overwritten: 1 })
  assert.deepEqual(facts(lines).store, { found: 0, removed: 0, overwritten: 0 })
})

test('a sink that does not answer is told, and the others are erased from', async (t) => {
  const audited = await openAudited(t)
  await audited.start()
  await audited.deliver([theirs(), ...others(1)])
  await audited.stop()
  const config = JSON.parse(await readFile(audited.configFile, 'utf8'))
  config.sinks.clickhouse.url = `http://127.0.0.1:${await freePort()}`
  await writeFile(audited.configFile, JSON.stringify(config))
  const { code, lines } = await audited.ask('erase', '--consumer', name, '--yes')
  assert.equal(code, 5)
  assert.match(String(lines.find(({ sink }) => sink === 'clickhouse')?.failure), /did not answer/)
  assert.equal(facts(lines).store?.removed, 1)
})
