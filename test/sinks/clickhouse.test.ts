import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import * as z from 'zod'
import { aRecord } from '../../record/sample.ts'
import { clickhouseOptions } from '../../sinks/clickhouse/options.ts'
import { HaltError, RejectedError, RetryableError } from '../../sinks/sink.ts'
import { makeCertificate } from '../services/certificate.ts'
import { openClickHouse } from '../services/clickhouse.ts'
import { fresh, harness, placeAt } from './clickhouse/place.ts'
import { sinkContract, someRecords } from './contract.ts'
import { aBlock, again, nextBlock, openDelivery } from './delivery.ts'
import { sinkFailureContract } from './failure-contract.ts'

sinkContract('The clickhouse sink', harness)

sinkFailureContract('The clickhouse sink', {
  ...harness,
  port: ({ options }) => Number(new URL(String(options.url)).port),
  through: (_, port) => ({ url: `http://127.0.0.1:${port}` }),
  impatient: { timeoutMs: 500 },
  http: {
    'a 401': HaltError,
    'a 403': HaltError,
    'a 404': HaltError,
    'a 413': RejectedError,
    'a 429 with Retry-After': RetryableError,
    'a 500': RetryableError,
    'a 502': RetryableError,
    'a 503 with Retry-After': RetryableError,
    'a 504': RetryableError,
    'a 200 from somebody else': HaltError,
  },
})

test('a wrong password halts the sink, and is told nowhere', async (t) => {
  await using server = await openClickHouse({ user: 'pump', password: 'right-password' })
  const place = placeAt(t, new URL('/default', server.url))
  const secrets = ['right-password', 'wrong-password']
  await using delivery = await openDelivery({ ...harness, secrets }, place, { password: 'wrong-password' })
  await assert.rejects(delivery.deliver(aBlock(someRecords(1))), HaltError)

  await using mended = await openDelivery({ ...harness, secrets }, place)
  const block = aBlock(someRecords(1))
  await mended.deliver(block)
  await mended.holds(block.records)
})

test('a missing database halts the sink, which goes on once it is there', async (t) => {
  const place = await fresh(t)
  const database = `${place.options.database}_late`
  await using delivery = await openDelivery(harness, place, { database })
  const block = aBlock(someRecords(2))
  await assert.rejects(delivery.deliver(block), { name: 'HaltError', message: /UNKNOWN_DATABASE/ })
  await place.run(`CREATE DATABASE ${database}`)
  await delivery.deliver(again(block))
  assert.deepEqual(await place.rows(`SELECT count() AS n FROM ${database}.penstock_requests`), [{ n: '2' }])
  await place.run(`DROP DATABASE ${database} SYNC`)
})

test('a dropped table halts the sink, which goes on once it is back', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  const first = aBlock(someRecords(2))
  await delivery.deliver(first)
  await place.run('RENAME TABLE penstock_requests TO elsewhere')
  const second = nextBlock(first, someRecords(2))
  await assert.rejects(delivery.deliver(second), { name: 'HaltError', message: /UNKNOWN_TABLE/ })
  await place.run('RENAME TABLE elsewhere TO penstock_requests')
  await delivery.deliver(again(second))
  await delivery.holds([...first.records, ...second.records])
})

test('records whose values fit no column are all named, and nothing of the block is stored', async (t) => {
  await using delivery = await openDelivery(harness, await fresh(t))
  const records = someRecords(10)
  records[3] = aRecord({ id: 'not-a-uuid' })
  records[7] = aRecord({ status: 70_000 })
  const error = await delivery.deliver(aBlock(records)).catch((error: unknown) => error)
  assert.ok(error instanceof RejectedError)
  assert.deepEqual(error.indexes, [3, 7])
  assert.match(error.message, /^A value does not fit its column: id: not-a-uuid is not a UUID\.$/)
  await delivery.holds([])
  const others = records.filter((_, index) => index !== 3 && index !== 7)
  await delivery.deliver(aBlock(others))
  await delivery.holds(others)
})

test('a repeat that comes after the server has forgotten the token is looked up', async (t) => {
  const place = await fresh(t)
  await using delivery = await openDelivery(harness, place)
  const old = aBlock(someRecords(3), { appendedAtMs: Date.now() - 2 * 3600 * 1000 })
  await delivery.write(old)
  await place.run('ALTER TABLE penstock_requests MODIFY SETTING non_replicated_deduplication_window = 1')
  const next = nextBlock(old, someRecords(3))
  await delivery.write(next)
  await delivery.deliver(again(old))
  await delivery.holds([...old.records, ...next.records])
})

for (const compression of ['zstd', 'gzip', 'none']) {
  test(`a block that is sent with compression ${compression} is stored`, async (t) => {
    await using delivery = await openDelivery(harness, await fresh(t), { compression })
    const block = aBlock(someRecords(2000))
    await delivery.deliver(block)
    await delivery.holds(block.records)
  })
}

test('a server whose certificate is not trusted halts the sink; with the certificate it is used', async (t) => {
  const place = await fresh(t)
  const { port, ca } = await openTls(t, Number(new URL(place.options.url).port))
  const url = `https://localhost:${port}`
  const block = aBlock(someRecords(2))
  await using distrustful = await openDelivery(harness, place, { url })
  await assert.rejects(distrustful.deliver(block), { name: 'HaltError', message: /check url and tls/ })
  await using trusting = await openDelivery(harness, place, { url, tls: { ca } })
  await trusting.deliver(again(block))
  await trusting.holds(block.records)
})

test('settings of the operator reach the server, and cannot undo what the sink rests on', async (t) => {
  const settings = { insert_deduplicate: 0, max_memory_usage: 1 }
  await using delivery = await openDelivery(harness, await fresh(t), { settings: { insert_deduplicate: 0 } })
  const block = aBlock(someRecords(2))
  await delivery.write(block)
  await delivery.deliver(again(block))
  await delivery.holds(block.records)
  await using starved = await openDelivery(harness, await fresh(t), { settings })
  await assert.rejects(starved.deliver(aBlock(someRecords(20_000))), {
    name: 'RetryableError',
    message: /MEMORY_LIMIT/,
  })
})

test('an address with credentials or parameters is refused with what to write instead', () => {
  for (const url of [
    'http://u:p@localhost:8123',
    'http://localhost:8123/?database=x',
    'ftp://localhost',
    'localhost',
  ]) {
    const { error } = clickhouseOptions.safeParse({ url })
    assert.match(z.prettifyError(error!), /→ at url/) // safeParse without an error would fail the match
  }
})

/** A relay that speaks TLS to the client and plain TCP to the server. */
async function openTls(t: TestContext, port: number): Promise<{ port: number; ca: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'penstock-tls-'))
  const certificate = await makeCertificate(folder)
  const server = createServer({ cert: certificate.ca, key: certificate.key }, (client) => {
    const behind = connect(port, '127.0.0.1')
    client.pipe(behind).pipe(client)
    client.on('error', () => behind.destroy())
    behind.on('error', () => client.destroy())
  })
  server.on('tlsClientError', () => {}) // the client that does not trust it
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  return { port: (server.address() as { port: number }).port, ca: certificate.ca } // TCP, as above
}
