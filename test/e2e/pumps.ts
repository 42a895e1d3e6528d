import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createClient } from '@clickhouse/client'
import type { Buffer } from '../../buffer/buffer.ts'
import type { BufferDefinition } from '../../buffer/define.ts'
import { buffers } from '../../buffer/index.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import { scratchFolder } from '../scratch.ts'
import { openKafka } from '../services/kafka.ts'
import { freePort } from '../services/port.ts'
import { openRedis } from '../services/redis.ts'
import { clickhouseUrl } from '../services/shared.ts'
import { until } from '../services/until.ts'
import { toClickHouse } from './config.ts'
import { readMetrics } from './metrics-page.ts'
import { openPenstock, type PenstockProcess } from './process.ts'

const shards = 4
const sinkNames = ['file', 'clickhouse', 'prometheus'] as const
const pairs = shards * sinkNames.length

/** A pump of several, as a process of its own. */
export interface PumpProcess extends PenstockProcess {
  /** How many sinks × shards it delivers now. */
  held(): Promise<number>
  readonly adminUrl: string
}

/** Several pumps on one log, under load. */
export interface Pumps {
  readonly buffer: Buffer
  /** Starts one more; stopped after the test. */
  add(): Promise<PumpProcess>
  /** Resolves once these share everything evenly among them. */
  balanced(pumps: readonly PumpProcess[]): Promise<void>
  /** Ends the load. Fails unless every sink then holds what was appended, all of it once. `last` is the only pump still at work. */
  judge(last: PumpProcess): Promise<void>
  /** Resolves once every sink has something of every shard. */
  begun(): Promise<void>
  /** Longest time that some sink × shard stood still since the last call, milliseconds. */
  pauseMs(): number
}

/** A server for a log of the test's own, and how the log is configured. */
const logs = {
  async redis() {
    const server = await openRedis({ config: { 'maxmemory-policy': 'noeviction' } })
    return { server, options: { urls: [server.url], shards } }
  },
  async kafka() {
    const server = await openKafka()
    return { server, options: { brokers: [server.url], partitions: shards } }
  },
}

export async function openPumps(t: TestContext, type: keyof typeof logs = 'redis'): Promise<Pumps> {
  const { server, options } = await logs[type]()
  t.after(() => server[Symbol.asyncDispose]())
  const folder = await scratchFolder(t)
  const clickhouse = toClickHouse(new URL(await clickhouseUrl(t)))
  const definition: BufferDefinition = buffers[type]
  const buffer = await definition.open(definition.options.parse(options), { dataDir: folder, log: noLog })
  t.after(() => buffer[Symbol.asyncDispose]())
  const load = startLoad(t, buffer)
  const watch = watchPauses(t, buffer)
  const toConfig = (name: string, port: number) => ({
    dataDir: join(folder, name),
    roles: ['pump'],
    buffer: { type, ...options },
    pump: { admin: { port } },
    sinks: {
      file: { type: 'file', folder: join(folder, 'files'), block: { maxAgeMs: 200 } },
      clickhouse: { type: 'clickhouse', ...clickhouse, block: { maxAgeMs: 500 } },
      prometheus: { type: 'prometheus', block: { maxAgeMs: 200 } },
    },
  })
  let pumps = 0

  return {
    buffer,
    pauseMs: watch.longest,
    async add() {
      const name = `pump-${pumps++}`
      const port = await freePort()
      const configFile = join(folder, `${name}.json`)
      await writeFile(configFile, JSON.stringify(toConfig(name, port)))
      const adminUrl = `http://127.0.0.1:${port}`
      const pump = await openPenstock({ configFile, roles: 'pump', adminUrl })
      t.after(() => pump[Symbol.asyncDispose]())
      return { ...pump, adminUrl, held: () => heldBy(adminUrl) }
    },
    async balanced(among) {
      const most = Math.ceil(pairs / among.length)
      await until(
        async () => {
          const held = await Promise.all(among.map((pump) => pump.held()))
          return held.every((count) => count <= most) && held.reduce((sum, count) => sum + count, 0) === pairs
        },
        { what: `${among.length} pumps to share ${pairs} readers`, timeoutMs: 60_000, everyMs: 100 },
      )
    },
    async begun() {
      const begun = async () => (await ledgersOf(buffer)).filter(({ delivered }) => delivered > 0).length === pairs
      await until(begun, { what: 'every sink to begin', timeoutMs: 60_000, everyMs: 100 })
    },
    async judge(last) {
      const ids = await load.end()
      await until(() => isDrained(buffer), { what: 'every sink to drain', timeoutMs: 60_000, everyMs: 100 })
      assertSame(await idsInFiles(join(folder, 'files')), ids, 'file')
      await using client = createClient(clickhouse)
      const rows = await client.query({
        query: 'SELECT toString(id) AS id FROM penstock_requests',
        format: 'JSONEachRow',
      })
      assertSame(
        (await rows.json<{ id: string }>()).map(({ id }) => id),
        ids,
        'clickhouse',
      )
      const samples = (await readMetrics(last.adminUrl)).samples('penstock_requests_total')
      assert.equal(
        samples.reduce((sum, { value }) => sum + value, 0),
        ids.length,
        'prometheus',
      )
      for (const { shard, ledgers } of await buffer.inspect())
        for (const { sink, appended, delivered } of ledgers)
          assert.equal(delivered, appended, `${sink} on shard ${shard} is conserved`)
      t.diagnostic(`${ids.length} records: lost 0, doubled 0`)
    },
  }
}

/** Several producers, so that every shard has something; each appends a frame in turn. */
function startLoad(t: TestContext, buffer: Buffer) {
  const stop = new AbortController()
  const producers = Array.from({ length: 16 }, () => ({ producer: randomUUID(), seq: 0, made: 0 }))
  const ids: string[] = []
  const running = (async () => {
    await using writer = await buffer.writer()
    for (let i = 0; !stop.signal.aborted; i = (i + 1) % producers.length) {
      const from = producers[i]!
      const records = Array.from({ length: 20 }, () => aRecord())
      from.made += records.length
      const id = { producer: from.producer, boot: 1, seq: from.seq++, made: from.made }
      await writer.append([{ ...id, count: records.length, bytes: encodeFrame(records, id) }])
      for (const record of records) ids.push(record.id)
      await new Promise((resolve) => setTimeout(resolve, 25)) // the pace of the load: 800 records a second
    }
  })()
  const end = async () => {
    stop.abort()
    await running
    return ids
  }
  t.after(end)
  return { end }
}

/** Looks how long each sink × shard stands still while there is something to deliver. */
function watchPauses(t: TestContext, buffer: Buffer) {
  const stop = new AbortController()
  const movedAt = new Map<string, { delivered: number; atMs: number }>()
  let longest = 0
  const running = (async () => {
    while (!stop.signal.aborted) {
      const now = performance.now()
      for (const { shard, ledgers } of await buffer.inspect().catch(() => [])) {
        for (const { sink, delivered } of ledgers) {
          const before = movedAt.get(`${sink}/${shard}`)
          if (before) longest = Math.max(longest, now - before.atMs)
          if (before?.delivered !== delivered) movedAt.set(`${sink}/${shard}`, { delivered, atMs: now })
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100)) // how fine a pause is seen
    }
  })()
  t.after(async () => {
    stop.abort()
    await running
  })
  return {
    longest() {
      const seen = Math.round(longest)
      longest = 0
      for (const place of movedAt.values()) place.atMs = performance.now()
      return seen
    },
  }
}

async function heldBy(adminUrl: string): Promise<number> {
  const states = (await readMetrics(adminUrl)).samples('penstock_sink_state')
  return states.filter(({ labels, value }) => labels.state !== 'standby' && value === 1).length
}

async function ledgersOf(buffer: Buffer) {
  return (await buffer.inspect()).flatMap(({ ledgers }) => ledgers)
}

async function isDrained(buffer: Buffer): Promise<boolean> {
  const ledgers = await ledgersOf(buffer)
  return ledgers.length === pairs && ledgers.every(({ backlog }) => backlog === 0)
}

async function idsInFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line).id)
}

function assertSame(held: readonly string[], expected: readonly string[], sink: string): void {
  const there = new Set(held)
  const lost = expected.filter((id) => !there.has(id)).length
  assert.deepEqual(
    { lost, doubled: held.length - there.size, records: there.size },
    { lost: 0, doubled: 0, records: expected.length },
    sink,
  )
}
