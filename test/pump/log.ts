import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Registry } from 'prom-client'
import type { Buffer } from '../../buffer/buffer.ts'
import { redisOptions } from '../../buffer/redis/options.ts'
import { openRedisBuffer } from '../../buffer/redis/redis.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import type { PumpSink } from '../../pump/delivery.ts'
import { openPump, type PumpOptions } from '../../pump/pump.ts'
import { openShapes } from '../../pump/shape/shape.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { encodeFrame } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import type { Sink } from '../../sinks/sink.ts'

/** A log of the test's own. */
export interface TestLog {
  open(options?: { maxBytes: number }): Promise<Buffer>
  /** Appends frames of these records; resolves once they are durable. */
  append(...frames: (readonly RequestRecord[])[]): Promise<void>
  /** As `append`, of frames that need not be whole. */
  appendBytes(bytes: Uint8Array, count: number): Promise<void>
}

type OpenLog = (options: { maxBytes: number }) => Promise<Buffer>

/** A log in a folder of the test's own. */
export function aLog(t: TestContext): TestLog {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-pump-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return testLog(({ maxBytes }) => openSqliteBuffer({ dir, maxBytes }))
}

/** Makes logs under names of their own in one Redis. */
export function redisLogs(url: string): () => TestLog {
  return () => {
    const options = redisOptions.parse({ urls: [url], prefix: randomUUID() })
    return testLog(({ maxBytes }) => openRedisBuffer({ ...options, maxBytes }, { log: noLog })) // less than an operator may ask for
  }
}

function testLog(openLog: OpenLog): TestLog {
  const producer = randomUUID()
  let seq = 0
  let made = 0
  const open = (options = { maxBytes: 1e9 }) => openLog(options)
  const appendBytes = async (bytes: Uint8Array, count: number) => {
    await using buffer = await open()
    await using writer = await buffer.writer()
    await writer.append([{ producer, boot: 1, seq: seq++, made, count, bytes }])
  }
  return {
    open,
    appendBytes,
    async append(...frames) {
      for (const records of frames) {
        made += records.length
        await appendBytes(encodeFrame(records, { producer, boot: 1, seq, made }), records.length)
      }
    },
  }
}

/** As many plausible records as asked for. */
export function records(count: number): RequestRecord[] {
  return Array.from({ length: count }, () => aRecord())
}

/** A backend that stores a block once by its token, as `block` sinks do, and outlives any pump. */
export class Backend {
  readonly blocks = new Map<string, readonly RequestRecord[]>()
  /** Sizes of the blocks as they were sent, repeats too. */
  readonly sent: number[] = []

  store(token: string, block: readonly RequestRecord[]): void {
    this.sent.push(block.length)
    if (!this.blocks.has(token)) this.blocks.set(token, block)
  }

  ids(): string[] {
    return [...this.blocks.values()].flat().map(({ id }) => id)
  }
}

/** A sink into `backend`; `write` says what else happens, before anything is stored. */
export function sinkInto(backend: Backend, write: Sink['write'] = async () => undefined): Sink {
  return {
    async write(block, signal) {
      const written = await write(block, signal)
      backend.store(block.token, block.records)
      return written
    },
    async [Symbol.asyncDispose]() {},
  }
}

export function aPumpSink(sink: Sink, overrides: Partial<PumpSink> = {}): PumpSink {
  const limits = { maxRecords: 100, maxBytes: 1e6, maxAgeMs: 0 }
  const rules = { shapes: openShapes(), writeTimeoutMs: 1e6, hold: 'evict', maxDeadLetters: 1e6 } as const
  return { name: 'sink', sink, limits, ...rules, inFlight: 1, startAt: 'oldest', ...overrides }
}

export function pumpOptions(
  log: Pick<TestLog, 'open'>,
  sinks: readonly PumpSink[],
  overrides: Partial<PumpOptions> = {},
): PumpOptions {
  return {
    sinks,
    openBuffer: () => log.open(),
    owner: 'test',
    cacheBytes: 1e6,
    inFlightBytes: 1e8,
    graceMs: 1000,
    haltedRetryMs: 5,
    keepMs: 0,
    registry: new Registry(),
    log: noLog,
    ...overrides,
  }
}

/** Runs a pump for the length of a test. */
export async function startPump(t: TestContext, options: PumpOptions) {
  const pump = await openPump(options)
  t.after(() => pump[Symbol.asyncDispose]())
  return pump
}

/** The one ledger of a sink, from a buffer of its own. */
export async function ledgerOf(log: TestLog, sink = 'sink') {
  await using buffer = await log.open()
  const ledger = (await buffer.inspect()).flatMap(({ ledgers }) => ledgers).find((one) => one.sink === sink)
  if (!ledger) throw new Error(`The log knows no sink ${sink}.`)
  return ledger
}

/** Dead letters of a sink, from a buffer of its own. */
export async function deadLettersOf(log: TestLog, sink = 'sink') {
  await using buffer = await log.open()
  return await buffer.deadLetters(sink, { limit: 1000 })
}
