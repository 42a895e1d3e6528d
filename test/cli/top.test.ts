import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { Registry } from 'prom-client'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { main } from '../../cli/penstock.ts'
import type { Look } from '../../cli/top/look.ts'
import { paced } from '../../cli/top/pace.ts'
import { toLines } from '../../cli/top/show.ts'
import { openPump } from '../../pump/pump.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { openAdmin } from '../../runtime/admin.ts'
import { expose } from '../../runtime/exposition.ts'
import { noLog } from '../../runtime/log.ts'
import { HaltError, type Sink } from '../../sinks/sink.ts'
import { scratchFolder } from '../scratch.ts'
import { freePort } from '../services/port.ts'
import { until } from '../services/until.ts'
import { run } from './run.ts'

const takesAll: Sink = { write: async () => undefined, async [Symbol.asyncDispose]() {} }
const refusesAll: Sink = {
  async write() {
    throw new HaltError('The password is wrong.')
  },
  async [Symbol.asyncDispose]() {},
}

/** A pump with one sink that takes all and one that is halted, and its admin endpoints. */
async function aPump(t: TestContext) {
  const dir = await scratchFolder(t)
  const registry = new Registry()
  const common = {
    limits: { maxRecords: 10, maxBytes: 1e6, maxAgeMs: 10 },
    shapes: { current: undefined, sealed: () => undefined },
    writeTimeoutMs: 10_000,
    startAt: 'oldest',
    hold: 'evict',
    maxDeadLetters: 100,
    inFlight: 1,
  } as const
  const pump = await openPump({
    sinks: [
      { ...common, name: 'good', sink: takesAll },
      { ...common, name: 'bad', sink: refusesAll },
    ],
    openBuffer: () => openSqliteBuffer({ dir, maxBytes: 1e9 }),
    owner: 'test',
    cacheBytes: 0,
    inFlightBytes: 1e7,
    graceMs: 0,
    haltedRetryMs: 30_000,
    keepMs: 0,
    registry,
    log: noLog,
  })
  t.after(() => pump[Symbol.asyncDispose]())
  const admin = await openAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    healthz: () => ({ ok: true }),
    readyz: async () => {
      const { ready, ...facts } = await pump.health()
      return { ok: ready, facts }
    },
    metrics: (format) => expose(format, registry),
    log: noLog,
  })
  const close = async () => await admin[Symbol.asyncDispose]()
  t.after(close)
  const buffer = await openSqliteBuffer({ dir, maxBytes: 1e9 })
  t.after(() => buffer[Symbol.asyncDispose]())
  const producer = randomUUID()
  const records = Array.from({ length: 7 }, () => aRecord())
  await using writer = await buffer.writer()
  const stamp = { producer, boot: 1, seq: 0, made: records.length }
  await writer.append([{ ...stamp, count: records.length, bytes: encodeFrame(records, stamp) }])
  await until(async () => {
    const { sinks } = await pump.health()
    return sinks.some(({ state }) => state === 'halted') && (await buffer.inspect())[0]?.ledgers[1]?.delivered === 7
  })
  return { url: admin.url, close }
}

test('one look tells how each sink fares, and why one does not', async (t) => {
  const { url } = await aPump(t)
  const { code, out } = await run('top', '--once', '--url', url)
  assert.equal(code, 0)
  const { pumps, sinks, bufferMaxBytes } = JSON.parse(out)
  assert.deepEqual([pumps, bufferMaxBytes], [1, 1e9])
  const [bad, good] = sinks
  assert.deepEqual(
    [bad.sink, bad.state, bad.lagRecords, bad.shards[0].reason],
    ['bad', 'halted', 7, 'The password is wrong.'],
  )
  assert.deepEqual([good.sink, good.state, good.lagRecords, good.recordsPerSecond], ['good', 'running', 0, 0])
})

test('on a terminal it has a screen of its own, which is given back when it is interrupted', async (t) => {
  const { url } = await aPump(t)
  const interrupted = new AbortController()
  const written: string[] = []
  const terminal = {
    out: (text: string) => void written.push(text),
    isTty: true,
    columns: 60,
    rows: 8,
    env: { NO_COLOR: '1' },
    interrupted: interrupted.signal,
  }
  const ran = main(['top', '--url', url], terminal, assert.fail)
  await until(() => written.length >= 3, { what: 'two looks' })
  interrupted.abort(new Error('Interrupted by SIGINT.'))
  assert.equal(await ran, 0)
  assert.equal(written[0], '\u001B[?1049h\u001B[?25l')
  assert.equal(written.at(-1), '\u001B[?25h\u001B[?1049l')
  const lines = (written[2] ?? '').split('\r\n').map(stripVTControlCharacters)
  assert.ok(lines.every((line) => line.length <= 60))
  assert.match(lines[3] ?? '', /^sink +shard +state +records\/s +lag/)
  assert.match(lines[4] ?? '', /^bad +0 +halted/)
  assert.match(lines[7] ?? '', /^bad\/0: The password is wrong\.$/)
})

test('a pump that goes away while it is watched is waited for', async (t) => {
  const { url, close } = await aPump(t)
  const interrupted = new AbortController()
  const written: string[] = []
  const out = (text: string) => void written.push(text)
  const terminal = { out, isTty: false, columns: 80, env: {}, interrupted: interrupted.signal }
  const ran = main(['top', '--url', url], terminal, assert.fail)
  await until(() => written.length > 0)
  await close()
  await until(() => written.some((line) => JSON.parse(line).pumps === 0), { what: 'a line without a pump' })
  interrupted.abort(new Error('Interrupted by SIGINT.'))
  assert.equal(await ran, 0)
})

test('that no pump answers, or something else does, is said with what to do', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`
  const away = await run('top', '--once', '--url', url)
  assert.deepEqual(away, {
    code: 5,
    out: '',
    errors: `No pump answers at ${url}. Start one with penstock start, or name another with --url.\n`,
  })
  const other = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo // it listens
  assert.equal((await run('top', '--once', '--url', `http://127.0.0.1:${port}`)).code, 5)
  const wrong = await run('top', '--url', 'localhost:8082')
  assert.deepEqual([wrong.code, wrong.errors.split(',')[0]], [2, '--url takes the admin address of a pump'])
})

const aLook = (atMs: number, settled: number, work: { bytes: number; retries: number }): Look => {
  const place = { sink: 's', reason: undefined, lagRecords: 5, lagSeconds: 90, deadLetters: 1, appended: settled + 5 }
  return {
    atMs,
    pumps: 2,
    places: [
      { ...place, shard: '0', state: 'running', settled },
      { ...place, shard: '1', state: 'retrying', settled: settled / 2, reason: 'It is away.' },
    ],
    work: new Map([['s', work]]),
    bufferBytes: 512,
    bufferMaxBytes: 1024,
  }
}

test('the pace is what was settled between two looks; several shards have a line each below their sum', () => {
  const shown = paced(aLook(0, 100, { bytes: 0, retries: 0 }), aLook(2000, 300, { bytes: 4096, retries: 3 }))
  const [sink] = shown.sinks
  assert.deepEqual(
    [sink?.state, sink?.recordsPerSecond, sink?.lagRecords, sink?.bytesPerSecond],
    ['retrying', 150, 10, 2048],
  )
  assert.equal(shown.appendedPerSecond, 200)
  const [, totals, , , ...rows] = toLines(shown, '', { columns: 100, env: { NO_COLOR: '1' } })
  assert.equal(totals, 'appended 200 records/s   buffer 50.0 % of 1 KiB')
  assert.deepEqual(
    rows.map((row) => row.split(/ {2,}/).join(' | ')),
    [
      's | all | retrying | 150 | 10 | 1 min | 3 | 2 | 2 KiB',
      ' | 0 | running | 100 | 5 | 1 min | 1',
      ' | 1 | retrying | 50 | 5 | 1 min | 1',
      '',
      's/1: It is away.',
    ],
  )
})

test('where a counter began anew the pace is not known', () => {
  const shown = paced(aLook(0, 300, { bytes: 4096, retries: 3 }), aLook(1000, 100, { bytes: 0, retries: 0 }))
  assert.deepEqual([shown.sinks[0]?.recordsPerSecond, shown.sinks[0]?.bytesPerSecond], [undefined, undefined])
})
