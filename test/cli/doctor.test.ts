import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { ShardReport } from '../../buffer/ledger.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { examineReports } from '../../cli/doctor/log.ts'
import { main } from '../../cli/penstock.ts'
import { wrapped } from '../../cli/wrap.ts'
import { openAdmin } from '../../runtime/admin.ts'
import type { Finding } from '../../runtime/finding.ts'
import { noLog } from '../../runtime/log.ts'
import { scratchFolder } from '../scratch.ts'
import { freePort } from '../services/port.ts'
import { openRedis } from '../services/redis.ts'
import { clickhouseUrl, mongoUrl } from '../services/shared.ts'
import { run } from './run.ts'

type Line = Finding & { readonly subject: string; readonly advice?: string }

interface Ports {
  readonly gateway: number
  readonly gatewayAdmin: number
  readonly pumpAdmin: number
  readonly console: number
}

/** A configuration with ports of its own; `more` is JSON, which is YAML too. */
async function aConfig(t: TestContext, more: object = {}) {
  const dataDir = await scratchFolder(t)
  const ports: Ports = {
    gateway: await freePort(),
    gatewayAdmin: await freePort(),
    pumpAdmin: await freePort(),
    console: await freePort(),
  }
  const config = {
    dataDir,
    gateway: { listen: [{ port: ports.gateway }], admin: { port: ports.gatewayAdmin } },
    pump: { admin: { port: ports.pumpAdmin } },
    console: { port: ports.console },
    ...more,
  }
  const file = join(dataDir, 'penstock.yaml')
  writeFileSync(file, JSON.stringify(config))
  return { file, dataDir, ports }
}

async function doctor(file: string) {
  const { code, out, errors } = await run('doctor', '--config', file)
  const lines =
    out === ''
      ? []
      : out
          .trimEnd()
          .split('\n')
          .map((line): Line => JSON.parse(line))
  const of = (subject: string, what: string) => {
    const line = lines.find((one) => one.subject === subject && one.what === what)
    assert.ok(line, `${subject}, ${what}: ${out}${errors}`)
    return line
  }
  return { code, errors, lines, of }
}

test('before the first start nothing is wrong but that nobody runs, and nothing is made', async (t) => {
  const { file, ports } = await aConfig(t)
  const { code, of } = await doctor(file)
  assert.equal(code, 0)
  assert.deepEqual([of('gateway', 'gateway').level, of('pump', 'pump').level], ['warning', 'warning'])
  assert.equal(of('ports', 'gateway').found, `127.0.0.1:${ports.gateway} is free.`)
  assert.equal(of('buffer sqlite', 'log').found, 'There is none yet.')
})

test('a configuration that is wrong ends with 78 and all its faults', async (t) => {
  const { file } = await aConfig(t, { pumpp: {}, roles: ['pomp'] })
  const { code, errors } = await doctor(file)
  assert.equal(code, 78)
  assert.match(errors, /pumpp/)
  assert.match(errors, /roles/)
})

test('a port that somebody else has is an error, one that our own process has is not', async (t) => {
  const { file, ports } = await aConfig(t)
  const stranger = createServer().listen(ports.gateway, '127.0.0.1')
  t.after(() => stranger.close())
  const admin = await openAdmin({
    listen: { host: '127.0.0.1', port: ports.pumpAdmin },
    healthz: () => ({ ok: true }),
    readyz: () => ({
      ok: true,
      facts: {
        buffer: 'reachable',
        sinks: [{ sink: 'store', shard: '0', state: 'halted', reason: 'The disk is full.' }],
      },
    }),
    metrics: () => [
      'penstock_series{shard="0",group="consumers"} 95\npenstock_series_budget{shard="0",group="consumers"} 100\n',
    ],
    log: noLog,
  })
  t.after(() => admin[Symbol.asyncDispose]())
  const { code, of } = await doctor(file)
  assert.equal(code, 1)
  assert.equal(of('ports', 'gateway').level, 'error')
  assert.match(of('ports', 'gateway').found, /the port is taken/)
  assert.match(of('ports', 'pump admin').found, /is taken by Penstock, which runs/)
  assert.deepEqual([of('pump', 'store').level, of('pump', 'store').found], ['error', 'It is halted: The disk is full.'])
  assert.equal(of('pump', 'series').found, '95 of 100 series for consumers are in use.')
})

test('a Redis that evicts, a ClickHouse and a MongoDB that are well and a receiver that is away are each told', async (t) => {
  await using redis = await openRedis({ config: { 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' } })
  const clickhouse = new URL(await clickhouseUrl(t))
  const away = `http://127.0.0.1:${await freePort()}`
  const { file } = await aConfig(t, {
    buffer: { type: 'redis', urls: [redis.url] },
    roles: ['gateway', 'pump'],
    sinks: {
      warehouse: { type: 'clickhouse', url: clickhouse.origin, database: clickhouse.pathname.slice(1) },
      mongo: { type: 'mongo', url: await mongoUrl(t) },
      otel: { type: 'otlp', url: away, metrics: false },
    },
  })
  const { code, lines, of } = await doctor(file)
  assert.equal(code, 1)
  assert.match(of('buffer redis', 'maxmemory-policy').advice ?? '', /CONFIG SET maxmemory-policy noeviction/)
  assert.equal(of('buffer redis', 'appendonly').level, 'error')
  assert.equal(of('sink warehouse (clickhouse)', 'server').level, 'ok')
  assert.equal(of('sink mongo', 'records').level, 'ok')
  assert.equal(of('sink otel (otlp)', 'logs').level, 'error')
  assert.equal(of('spool', 'log').found, 'There is none yet.')
  assert.ok(lines.every((line) => line.level === 'ok' || (line.advice ?? '') !== ''))
  assert.doesNotMatch(JSON.stringify(lines), /\.ts:\d+/, 'no stack')
})

test('a server that never answers is an error too, and keeps nobody else from being examined', async (t) => {
  const sockets = new Set<Socket>()
  const silent = createSilentServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo // it listens
  const { file } = await aConfig(t, {
    buffer: { type: 'redis', urls: [`redis://127.0.0.1:${port}`], commandTimeoutMs: 60_000 },
    roles: ['pump'],
    sinks: {
      warehouse: { type: 'clickhouse', url: `http://127.0.0.1:${port}` },
      mongo: { type: 'mongo', url: `mongodb://127.0.0.1:${port}/x` },
      otel: { type: 'otlp', url: `http://127.0.0.1:${port}` },
      files: { type: 'file' },
    },
  })
  const { of, lines } = await doctor(file)
  const errors = lines.filter(({ level }) => level === 'error').map(({ subject, what }) => `${subject}: ${what}`)
  assert.deepEqual(errors, [
    'buffer redis: server',
    'sink warehouse (clickhouse): server',
    'sink mongo: server',
    'sink otel (otlp): logs',
    'sink otel (otlp): metrics',
  ])
  assert.equal(of('sink files (file)', 'folder').level, 'ok')
})

test('a sink that left the configuration and a log that is there are told from the log', async (t) => {
  const { file, dataDir } = await aConfig(t)
  const buffer = await openSqliteBuffer({ dir: dataDir, maxBytes: 1e9 })
  t.after(() => buffer[Symbol.asyncDispose]())
  const reader = await buffer.reader({ sink: 'gone', shard: '0', owner: randomUUID(), startAt: 'oldest' })
  await reader?.[Symbol.asyncDispose]()
  const { code, of } = await doctor(file)
  assert.equal(code, 0)
  assert.equal(of('log', 'gone').advice, 'Bring it back, or run penstock sinks retire gone.')
  assert.match(of('log', 'store').found, /has not seen it yet/)
})

const aReport = (overrides: Partial<ShardReport>, ledger: object = {}): ShardReport => ({
  shard: '0',
  ledgers: [
    {
      ...{ sink: 's', appended: 10, delivered: 10, filtered: 0, deadLettered: 0, evicted: 0, backlog: 0 },
      ...{ deadLettersHeld: 0, oldestAtMs: undefined, ...ledger },
    },
  ],
  producers: [],
  bytes: 10,
  maxBytes: 100,
  cumulative: 10,
  ...overrides,
})

test('what a ledger says is weighed: fill, lateness, dead letters, evictions, and whether it adds up', () => {
  const levels = (report: ShardReport) =>
    examineReports([report], ['s'], () => 1_000_000).map(({ what, level }) => `${what} ${level}`)
  assert.deepEqual(levels(aReport({})), ['fill ok', 's ok'])
  assert.deepEqual(levels(aReport({ bytes: 75 })), ['fill warning', 's ok'])
  assert.deepEqual(levels(aReport({ bytes: 90 })), ['fill error', 's ok'])
  assert.deepEqual(levels(aReport({}, { backlog: 1 })), ['fill ok', 's error'], 'it does not add up')
  assert.deepEqual(levels(aReport({}, { delivered: 9, backlog: 1, oldestAtMs: 999_000 })), ['fill ok', 's ok'])
  assert.deepEqual(levels(aReport({}, { delivered: 9, backlog: 1, oldestAtMs: 1 })), ['fill ok', 's warning'])
  const refused = { delivered: 7, deadLettered: 2, deadLettersHeld: 2, evicted: 1 }
  assert.deepEqual(levels(aReport({}, refused)), ['fill ok', 's warning', 's warning'])
})

test('on a terminal each part has a headline, and lines fit its width', async (t) => {
  const { file, dataDir } = await aConfig(t, { sinks: { files: { type: 'file' } }, roles: ['pump'] })
  const written: string[] = []
  const out = (text: string) => void written.push(text)
  const terminal = { out, isTty: true, columns: 100, env: {}, interrupted: new AbortController().signal }
  assert.equal(await main(['doctor', '--config', file], terminal, assert.fail), 0)
  const lines = stripVTControlCharacters(written.join('')).split('\n')
  assert.ok(lines.includes('sink files (file)'))
  assert.ok(lines.some((line) => /^ {2}warning {2}retention {9}No complete file is ever removed/.test(line)))
  assert.ok(lines.some((line) => /^ {29}→ Set keep\.days/.test(line)))
  assert.match(lines.at(-2) ?? '', /^0 errors, \d+ warnings?, \d+ things as they should be\.$/)
  const isLongOnlyByPath = (line: string) => line.length <= 100 || line.includes(dataDir)
  assert.ok(lines.every(isLongOnlyByPath), lines.join('\n'))
})

test('an interruption ends it at once and in silence, whatever is still being asked', async (t) => {
  const { file } = await aConfig(t, { buffer: { type: 'kafka', brokers: [`127.0.0.1:${await freePort()}`] } })
  const interrupted = new AbortController()
  const terminal = { out: () => {}, isTty: false, columns: 80, env: {}, interrupted: interrupted.signal }
  const ran = main(['doctor', '--config', file], terminal, assert.fail)
  interrupted.abort(new Error('Interrupted by SIGINT.'))
  assert.equal(await ran, 0)
})

test('text is wrapped between words, and what is longer than a line stays whole', () => {
  assert.deepEqual(wrapped('one two three', 8), ['one two', 'three'])
  assert.deepEqual(wrapped('a verylongword b', 5), ['a', 'verylongword', 'b'])
  assert.deepEqual(wrapped('', 5), [''])
})
