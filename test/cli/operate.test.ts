import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { endOf } from '../../buffer/buffer.ts'
import { openSqliteBuffer, type SqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { main } from '../../cli/penstock.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { until } from '../services/until.ts'
import { run } from './run.ts'

/** A data folder with a log of its own, and the configuration that names it. */
async function aFolder(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'penstock-cli-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const config = join(dataDir, 'penstock.yaml')
  writeFileSync(config, `dataDir: ${JSON.stringify(dataDir)}\n`)
  const buffer = await openSqliteBuffer({ dir: dataDir, maxBytes: 1e9 })
  t.after(() => buffer[Symbol.asyncDispose]())
  const producer = randomUUID()
  let seq = 0
  let made = 0
  const appendBytes = async (bytes: Uint8Array, count: number) => {
    await using writer = await buffer.writer()
    await writer.append([{ producer, boot: 1, seq: seq++, made, count, bytes }])
  }
  const append = async (records: readonly RequestRecord[]) => {
    made += records.length
    await appendBytes(encodeFrame(records, { producer, boot: 1, seq, made }), records.length)
  }
  return { config, buffer, append, appendBytes }
}

/** Makes each of the records a dead letter of the sink, as a pump would. */
async function refuse(buffer: SqliteBuffer, sink: string, records: readonly RequestRecord[], reason: string) {
  await using reader = await buffer.reader({ sink, shard: '0', owner: 'test', startAt: 'oldest' })
  assert.ok(reader)
  const frames = await reader.read(reader.cursor, { maxBytes: 1e6 })
  const to = endOf(frames.at(-1)!) // appended by the test
  const seal = await reader.seal({ from: reader.cursor, to, token: 'a', shape: '{}' })
  const letters = records.map((record) => ({
    form: 'json' as const,
    bytes: Buffer.from(JSON.stringify(record)),
    reason,
  }))
  const torn = {
    form: 'undecodable' as const,
    bytes: encodeFrame([aRecord({ path: '/torn' })], { producer: randomUUID(), boot: 1, seq: 0, made: 1 }),
    reason: 'It ended the process.',
  }
  await reader.settle(seal, { delivered: 0, filtered: 0, deadLetters: [...letters, torn] })
}

const lines = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('dead letters are listed and shown, delivered again and let go of', async (t) => {
  const { config, buffer, append } = await aFolder(t)
  const records = [aRecord({ path: '/a' }), aRecord({ path: '/b' })]
  await append([...records, aRecord()])
  await refuse(buffer, 'warehouse', records, 'Column too narrow.')
  const dead = (...args: string[]) => run('dead', ...args, '--config', config)
  const listed = lines((await dead('list')).out)
  assert.deepEqual(
    listed.map(({ sink, form, isRetried, reason }) => [sink, form, isRetried, reason]),
    [
      ['warehouse', 'json', false, 'Column too narrow.'],
      ['warehouse', 'json', false, 'Column too narrow.'],
      ['warehouse', 'undecodable', false, 'It ended the process.'],
    ],
  )
  const [first, second, third] = listed.map(({ id }) => String(id)) as [string, string, string] // three were listed
  assert.deepEqual(lines((await dead('show', 'warehouse', first)).out), [records[0]])
  const [torn] = lines((await dead('show', 'warehouse', third)).out)
  assert.deepEqual([torn.record.path, typeof torn.bytes], ['/torn', 'string'])

  const retried = await dead('retry', 'warehouse', '--all')
  assert.match(retried.out, /^2 dead letters are to be delivered again/)
  assert.match(retried.out, /1 dead letter is left as they are/)
  assert.deepEqual(
    lines((await dead('list', 'warehouse')).out).map(({ isRetried }) => isRetried),
    [true, true, false],
  )
  assert.match(
    (await dead('drop', 'warehouse', second)).out,
    /^0 dead letters are let go of for good\.\n1 dead letter is kept/,
  )
  assert.match((await dead('drop', 'warehouse', third)).out, /^1 dead letter is let go of/)
  assert.equal(lines((await dead('list', 'warehouse')).out).length, 2)
})

test('what cannot be meant is answered with what to do', async (t) => {
  const { config, buffer, append } = await aFolder(t)
  await append([aRecord()])
  await refuse(buffer, 'warehouse', [], '')
  const dead = async (...args: string[]) => {
    const { code, errors } = await run('dead', ...args, '--config', config)
    return [code, errors.trim()]
  }
  assert.deepEqual(await dead('lst'), [
    2,
    'penstock dead takes list, show, retry or drop. Did you mean "list"? See penstock dead --help.',
  ])
  assert.deepEqual(await dead('list', 'warehose'), [2, 'The log knows no sink "warehose". Did you mean "warehouse"?'])
  assert.deepEqual(await dead('drop', 'warehouse'), [2, 'Which letters? penstock dead drop warehouse ID… or --all'])
  assert.deepEqual(await dead('drop', 'warehouse', 'x'), [
    4,
    '"x" is no dead letter’s id: penstock dead list shows them.',
  ])
  assert.deepEqual(await dead('show', 'warehouse', '987654'), [
    4,
    'warehouse has no dead letter 987654: penstock dead list warehouse shows them.',
  ])
  assert.deepEqual(await dead('list', '--limit', '0'), [4, '--limit takes a whole number from 1.'])
})

test('the buffer is inspected, and every frame of it is checked', async (t) => {
  const { config, append, appendBytes } = await aFolder(t)
  await append([aRecord(), aRecord()])
  await append([aRecord()])
  const [report] = lines((await run('buffer', 'inspect', '--config', config)).out)
  assert.deepEqual([report.shard, report.cumulative, report.producers[0].appended], ['0', 3, 3])
  const sound = await run('buffer', 'verify', '--config', config)
  assert.deepEqual(
    [sound.code, lines(sound.out)],
    [0, [{ shard: '0', frames: 2, records: 3, faults: [], moreFaults: 0 }]],
  )

  await appendBytes(Uint8Array.of(1, 2, 3), 7)
  const torn = await run('buffer', 'verify', '--config', config)
  assert.equal(torn.code, 1)
  assert.deepEqual(lines(torn.out)[0].faults, ['Frame at 3: These bytes are not a frame.'])
})

test('a tap shows the records that match as they come, and takes them from nobody', async (t) => {
  const { config, buffer, append } = await aFolder(t)
  await append([aRecord({ path: '/before', status: 503 })])
  const seen: string[] = []
  const interrupted = new AbortController()
  const terminal = {
    out: (text: string) => void seen.push(text),
    isTty: false,
    columns: 80,
    env: {},
    interrupted: interrupted.signal,
  }
  const tapped = main(
    ['tap', '--status', '5xx,404', '--route', '* /orders/*', '--limit', '3', '--config', config],
    terminal,
    assert.fail,
  )
  await until(async () => {
    await append([aRecord({ path: '/ok' }), aRecord({ path: '/failed', status: 503 })])
    return seen.length > 0
  })
  await append([
    aRecord({ path: '/other', status: 503, route: '/invoices' }),
    aRecord({ path: '/missing', status: 404 }),
    aRecord({ status: 500 }),
  ])
  assert.equal(await tapped, 0)
  const paths = seen.map((line) => JSON.parse(line).path)
  assert.equal(paths.length, 3)
  assert.ok(
    paths.every((path) => ['/failed', '/missing', '/orders/42'].includes(path)),
    String(paths),
  )
  assert.deepEqual((await buffer.inspect())[0]?.ledgers, [], 'nobody has become a reader')
})

test('a condition of a tap that means nothing is told', async (t) => {
  const { config } = await aFolder(t)
  const { code, errors } = await run('tap', '--status', '9xx', '--config', config)
  assert.equal(code, 4)
  assert.match(errors, /^--status: expected a status such as 404/)
})
