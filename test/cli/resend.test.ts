import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MongoClient } from 'mongodb'
import { endOf } from '../../buffer/buffer.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { main } from '../../cli/penstock.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import mongo from '../../sinks/mongo/mongo.ts'
import { scratchFolder } from '../scratch.ts'
import { freePort } from '../services/port.ts'
import { mongoUrl } from '../services/shared.ts'
import { aBlock, patience } from '../sinks/delivery.ts'
import { run } from './run.ts'

const chunkRecords = 50 // what FerretDB takes at once

/** A log of twenty records that the sink `mongo` was given, and a MongoDB that has them. */
async function delivered(t: TestContext) {
  const url = await mongoUrl(t)
  const client = new MongoClient(url)
  t.after(() => client.close())
  const dataDir = await scratchFolder(t)
  const config = join(dataDir, 'penstock.yaml')
  const sinks = {
    mongo: { type: 'mongo', url, chunkRecords },
    warehouse: { type: 'clickhouse', url: 'http://127.0.0.1:1' },
    otel: { type: 'otlp' },
    files: { type: 'file' },
    prometheus: { type: 'prometheus' },
    store: { type: 'store' },
  }
  writeFileSync(config, JSON.stringify({ dataDir, sinks }))
  const buffer = await openSqliteBuffer({ dir: dataDir, maxBytes: 1e9 })
  t.after(() => buffer[Symbol.asyncDispose]())
  const records = Array.from({ length: 20 }, (_, i) => aRecord({ ts: Date.now() * 1000 + i }))
  const stamp = { producer: randomUUID(), boot: 1, seq: 0, made: records.length }
  {
    await using writer = await buffer.writer()
    await writer.append([{ ...stamp, count: records.length, bytes: encodeFrame(records, stamp) }])
  }
  await using reader = await buffer.reader({ sink: 'mongo', shard: '0', owner: 'test', startAt: 'oldest' })
  assert.ok(reader)
  const [frame] = await reader.read(reader.cursor, { maxBytes: 1e6 })
  assert.ok(frame)
  const seal = await reader.seal({ from: reader.cursor, to: endOf(frame), token: 'a', shape: '{}' })
  const options = mongo.options.parse({ url, chunkRecords })
  await using sink = await mongo.open(options, { name: 'mongo', log: noLog, dataDir })
  await sink.write(aBlock(records, { incarnation: buffer.incarnation }), patience())
  await reader.settle(seal, { delivered: records.length, filtered: 0, deadLetters: [] })
  const raw = client.db().collection<{ _id: string }>('penstock_requests')
  return { config, url, options, raw, records, client, buffer }
}

test('records that were deleted by hand come back, and usage stays as it was', async (t) => {
  const { config, raw, records, client } = await delivered(t)
  const usage = () => client.db().collection('penstock_usage').find().sort({ _id: 1 }).toArray()
  const before = await usage()
  await raw.deleteMany({ _id: { $in: records.slice(3, 7).map(({ id }) => id) } })
  const first = await run('resend', '--sink', 'mongo', '--from', '1h', '--config', config)
  assert.equal(first.code, 0)
  const nothingElse = { refused: 0, filtered: 0, stayedAway: 0, undecodable: 0, gone: 0 }
  assert.deepEqual(JSON.parse(first.out), { sink: 'mongo', sent: 20, stored: 4, present: 16, ...nothingElse })
  assert.equal(await raw.countDocuments(), 20)
  assert.deepEqual(await usage(), before)
})

test('a person reads what became of the records, and from when on the log holds any', async (t) => {
  const { config, buffer } = await delivered(t)
  await buffer.trim()
  const written: string[] = []
  const out = (text: string) => void written.push(text)
  const terminal = { out, isTty: true, columns: 80, env: {}, interrupted: new AbortController().signal }
  assert.equal(await main(['resend', '--sink', 'mongo', '--from', '1h', '--config', config], terminal, assert.fail), 0)
  assert.match(
    written.join(''),
    /^0 records sent to mongo: 0 were missing and are stored, 0 were there\.\nThe log holds what came since 20\S+Z, and what is older no more: pump\.keepMs says how long\.\n$/,
  )
})

test('who was erased does not come back', async (t) => {
  const { config, raw, options, records } = await delivered(t)
  const holdings = await mongo.holdings?.(options, { name: 'mongo', log: noLog, dataDir: '' })
  assert.ok(holdings)
  t.after(() => holdings[Symbol.asyncDispose]())
  const { org, consumer } = records[0]! // there are twenty
  await holdings.erase({ org, consumer }, patience())
  const { out } = await run('resend', '--sink', 'mongo', '--from', '1h', '--config', config)
  assert.deepEqual([JSON.parse(out).stored, JSON.parse(out).stayedAway], [0, 20])
  assert.equal(await raw.countDocuments({ consumer }), 0)
})

test('sinks that would count a record twice are sent nothing, and it is said what to do instead', async (t) => {
  const { config } = await delivered(t)
  for (const [sink, says] of [
    ['warehouse', /summed up from its inserts.+another name and prefix whose startAt/],
    ['files', /another name and folder/],
    ['store', /under another name with an empty dir/],
    ['prometheus', /count the records once more/],
    ['otel', /knows no identity of a record/],
  ] as const) {
    const { code, errors, out } = await run('resend', '--sink', sink, '--from', '1h', '--config', config)
    assert.deepEqual([code, out], [2, ''], sink)
    assert.match(errors, new RegExp(`^${sink} is sent nothing again\\. `))
    assert.match(errors, says)
  }
})

test('what cannot be meant is answered with what to do', async (t) => {
  const { config } = await delivered(t)
  const resend = async (...args: string[]) => {
    const { code, errors } = await run('resend', ...args, '--config', config)
    return [code, errors.trim()]
  }
  assert.deepEqual(await resend('--from', '1h'), [2, 'Say which sink: penstock resend --sink NAME --from 1h'])
  assert.deepEqual(await resend('--sink', 'mongo'), [2, 'Say from when: penstock resend --sink NAME --from 1h'])
  assert.deepEqual(await resend('--sink', 'mongi', '--from', '1h'), [
    2,
    'The configuration has no sink "mongi". Did you mean "mongo"?',
  ])
  assert.deepEqual(await resend('--sink', 'mongo', '--from', '1h', '--to', '2h'), [
    4,
    '--from lies behind --to: the time ends before it begins.',
  ])
  assert.equal((await resend('--sink', 'mongo', '--from', 'yesterday'))[0], 4)
})

test('a sink that the log has not seen, and a server that is away, are told without a stack', async (t) => {
  const dataDir = await scratchFolder(t)
  const config = join(dataDir, 'penstock.yaml')
  const url = `mongodb://user:hush@127.0.0.1:${await freePort()}/x`
  writeFileSync(config, JSON.stringify({ dataDir, sinks: { mongo: { type: 'mongo', url, connectTimeoutMs: 200 } } }))
  const buffer = await openSqliteBuffer({ dir: dataDir, maxBytes: 1e9 })
  t.after(() => buffer[Symbol.asyncDispose]())
  const unseen = await run('resend', '--sink', 'mongo', '--from', '1h', '--config', config)
  assert.deepEqual(
    [unseen.code, unseen.errors],
    [4, 'The log has not delivered to mongo yet: the pump does, from its startAt on.\n'],
  )
  const reader = await buffer.reader({ sink: 'mongo', shard: '0', owner: 'test', startAt: 'oldest' })
  await reader?.[Symbol.asyncDispose]()
  const away = await run('resend', '--sink', 'mongo', '--from', '1h', '--config', config)
  assert.equal(away.code, 5)
  assert.match(
    away.errors,
    /^MongoDB did not answer: .*ECONNREFUSED.* Some records may have been sent; the same command may be repeated/,
  )
  assert.doesNotMatch(away.errors, /hush|\n {4}at /)
})
