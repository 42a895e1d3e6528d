import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { main } from '../../cli/penstock.ts'
import { scratchFolder } from '../scratch.ts'
import { run } from './run.ts'

const config = `gateway:
  apis:
    - name: orders
      basePath: /orders
      upstream: "http://127.0.0.1:1"
      routes: [{ path: "/{id}", methods: [GET, PUT] }]
    - { name: health, basePath: /health, upstream: "http://127.0.0.1:1" }
  consumers: { acme: { team: partners }, globex: {} }
pump: { hashKeys: [a key for the hashes of this test] }
sinks:
  everything: { type: clickhouse, url: "http://127.0.0.1:1" }
  warehouse:
    type: mongo
    url: "mongodb://127.0.0.1:1/penstock"
    shape:
      filter: { allow: [{ api: orders }], block: [{ consumer: globex, status: 2xx }] }
      sample: { oneIn: 10 }
      redact: { consumer: hash, detail.headers.authorization: mark }
`

async function aConfig(t: TestContext): Promise<{ folder: string; file: string }> {
  const folder = await scratchFolder(t)
  const file = join(folder, 'penstock.yaml')
  writeFileSync(file, `dataDir: ${JSON.stringify(join(folder, 'data'))}\n${config}`)
  return { folder, file }
}

const linesOf = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

test('a program is told what each sink would get of each record, and what keeps the others away', async (t) => {
  const { folder, file } = await aConfig(t)
  const { code, out } = await run('test', '--config', file, '--samples', '300')
  assert.equal(code, 0)
  const decisions = linesOf(out)
  const of = (name: string) => decisions.filter(({ sink }) => sink === name)
  assert.equal(of('everything').length, 300)
  assert.ok(of('everything').every(({ record }) => record.weight === 1))
  const warehouse = of('warehouse')
  assert.equal(warehouse.length, 300)
  const reasons = new Set(warehouse.map(({ keptAwayBy }) => keptAwayBy))
  assert.deepEqual([...reasons].sort(), ['filter.allow', 'filter.block[0]', 'sample', undefined].sort())
  for (const { record } of warehouse) {
    if (!record) continue
    assert.equal(record.api, 'orders')
    assert.match(record.consumer, /^([0-9a-f]{32})?$/)
    assert.equal(record.detail.requestHeaders.authorization, '[redacted]')
  }
  assert.ok(!existsSync(join(folder, 'data')), 'nothing is opened')
})

test('records of a file are taken, and one sink’s are printed as it would get them', async (t) => {
  const { folder, file } = await aConfig(t)
  const records = join(folder, 'records.jsonl')
  writeFileSync(records, '{"status":503,"consumer":"acme"}\n\n{"api":"other"}\n')
  const { code, out } = await run('test', '--config', file, '--records', records, '--sink', 'warehouse')
  const [first, ...others] = linesOf(out)
  assert.deepEqual([code, first.status, first.weight, others.length], [0, 503, 1, 0])
  assert.match(first.consumer, /^[0-9a-f]{32}$/)
})

test('a person sees a table of what each sink gets, with the rules that keep records away and what is changed', async (t) => {
  const { folder, file } = await aConfig(t)
  const records = join(folder, 'records.jsonl')
  const lines = [{ status: 503 }, { api: 'health' }, { consumer: 'globex' }]
  writeFileSync(records, lines.map((line) => JSON.stringify(line)).join('\n'))
  const out: string[] = []
  const terminal = { isTty: true, columns: 80, env: {}, interrupted: new AbortController().signal }
  const args = ['test', '--config', file, '--records', records]
  assert.equal(await main(args, { ...terminal, out: (text) => out.push(text) }, () => {}), 0)
  assert.equal(
    out.join(''),
    `sink        type        records  gets  filtered  sampled out  calls
everything  clickhouse        3     3         0            0      3
warehouse   mongo             3     1         2            0      1

warehouse
  1 kept away by filter.allow: none of its rules matches
  1 kept away by filter.block[0]: {"consumer":"globex","status":"2xx"}
  consumer changed in 1
  team changed in 1
`,
  )
})

test('wrong records are all named with their lines, and exit with 4', async (t) => {
  const { folder, file } = await aConfig(t)
  const records = join(folder, 'records.jsonl')
  writeFileSync(records, '{"statu":200}\n{"status":42}\nnothing\n[]\n')
  const { code, out, errors } = await run('test', '--config', file, '--records', records)
  assert.deepEqual([code, out], [4, ''])
  const lines = errors
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(`${records}:`, ''))
  assert.match(lines[0] ?? '', /^1: a record has no field "statu"\. Did you mean "status"\?$/)
  assert.match(lines[1] ?? '', /^2: status: /)
  assert.match(lines[2] ?? '', /^3: is not JSON: /)
  assert.match(lines[3] ?? '', /^4: .*expected object/)
})

test('a misspelt sink, a missing file and a wrong number are answered with what to write, and exit with 2', async (t) => {
  const { file } = await aConfig(t)
  const refused = async (...args: string[]) => await run('test', '--config', file, ...args)
  const sink = await refused('--sink', 'warehose')
  assert.deepEqual([sink.code, /Did you mean "warehouse"\?/.test(sink.errors)], [2, true])
  const records = await refused('--records', '/nowhere.jsonl')
  assert.deepEqual([records.code, /There is no file \/nowhere\.jsonl/.test(records.errors)], [2, true])
  for (const count of ['0', 'many', '1.5']) assert.equal((await refused('--samples', count)).code, 2)
})
