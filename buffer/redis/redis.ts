import { randomUUID } from 'node:crypto'
import type { MinuteSum } from '../../record/minute-sum.ts'
import { ConfigError } from '../../runtime/check.ts'
import type { Log } from '../../runtime/log.ts'
import {
  type Attendance,
  attendanceMs,
  type Buffer,
  BufferUnavailableError,
  type Frame,
  type Position,
  type Reader,
  type ReaderOptions,
  type StoredDeadLetter,
  type Writer,
} from '../buffer.ts'
import type { ShardReport } from '../ledger.ts'
import { type Connection, openConnection } from './connection.ts'
import { changeDeadLetters, listDeadLetters } from './dead-letters.ts'
import { isRefusal, neededRights } from './failure.ts'
import { moreShards, newerFormat, version } from './format.ts'
import { FrameRange } from './frames.ts'
import { inspect } from './inspect.ts'
import { shardKeys } from './keys.ts'
import { findMinutes, oldestHour } from './minutes.ts'
import type { RedisBufferOptions } from './options.ts'
import { takeReader } from './reader.ts'
import { evaluate, toEntries, toList, toNumber, toText } from './script.ts'
import { appendLimit, checkServers, type ServerFacts } from './server.ts'
import { Shard } from './shard.ts'
import { RedisWriter } from './writer.ts'

/** 10,000: 20 full frames, whose memory Redis frees in about a millisecond. */
const sliceRecords = 10_000
/** 90 days: a producer that comes back later than that is met as a new one. */
const forgetProducersAfterMs = 90 * 24 * 3600 * 1000

/** Opens the log in Redis, made where there is none. Throws ConfigError where Redis may not be used as it is. */
export async function openRedisBuffer(options: RedisBufferOptions, { log }: { readonly log: Log }): Promise<Buffer> {
  await using opening = new AsyncDisposableStack()
  const connection = opening.use(await openConnection(options))
  const { facts, shards } = await openShards(connection, options, log)
  const maxBytes = appendLimit(options, facts.maxMemoryBytes)
  const buffer = new RedisBuffer(connection, shards, Math.floor(maxBytes / shards.length))
  opening.move()
  return buffer
}

async function openShards(connection: Connection, options: RedisBufferOptions, log: Log) {
  try {
    const facts = await checkServers(connection, options)
    const shards = await Promise.all(
      Array.from({ length: options.shards }, (_, i) => openShard(connection, `${i}`, { options, facts, log })),
    )
    return { facts, shards }
  } catch (error) {
    const cause = error instanceof BufferUnavailableError ? error.cause : undefined
    if (!isRefusal(cause)) throw error
    throw new ConfigError(`Redis refuses the user: ${cause.message}. ${neededRights(options.prefix)}`, { cause })
  }
}

async function openShard(
  connection: Connection,
  name: string,
  { options, facts, log }: { options: RedisBufferOptions; facts: ServerFacts; log: Log },
): Promise<Shard> {
  const keys = shardKeys(options.prefix, name)
  const reply = await connection.ask((client) =>
    evaluate(client, 'open', keys.common, [randomUUID(), options.shards, version]),
  )
  const [status, incarnation, shards, gone] = reply
  if (toText(status) === 'newer')
    throw new ConfigError(Object.values(newerFormat(options.prefix, toNumber(incarnation))).join(' '))
  if (toNumber(shards) > options.shards)
    throw new ConfigError(Object.values(moreShards(options.prefix, toNumber(shards), options.shards)).join(' '))
  if (toNumber(gone) > 0)
    log('error', 'Part of the log in Redis was gone; what was left of it was discarded and a new log begun.', {
      shard: name,
      incarnation: toText(incarnation),
    })
  return new Shard({ ...options, ...facts, name, keys, connection, incarnation: toText(incarnation) })
}

class RedisBuffer implements Buffer {
  readonly incarnation: string
  readonly shards: readonly string[]
  readonly #connection: Connection
  readonly #shards: readonly Shard[]
  readonly #maxShardBytes: number
  /** What peeks into each shard have learned of its frames. */
  readonly #peeked: ReadonlyMap<string, FrameRange>
  readonly #leases = new Set<AsyncDisposable>()

  constructor(connection: Connection, shards: readonly Shard[], maxShardBytes: number) {
    this.incarnation = shards.map(({ incarnation }) => incarnation).join('+')
    this.shards = shards.map(({ name }) => name)
    this.#connection = connection
    this.#shards = shards
    this.#peeked = new Map(shards.map((shard) => [shard.name, new FrameRange(shard)]))
    this.#maxShardBytes = maxShardBytes
  }

  async writer(): Promise<Writer> {
    return new RedisWriter(this.#shards, this.#maxShardBytes)
  }

  async reader(options: ReaderOptions): Promise<Reader | undefined> {
    return await takeReader(this.#shard(options.shard), options, this.#leases)
  }

  async attend({ owner, sinks }: Attendance): Promise<readonly Attendance[]> {
    const said = sinks.length > 0 ? JSON.stringify(sinks) : ''
    const [, live] = await this.#shards[0]!.run('attend', [owner, said, attendanceMs]) // there is at least one
    return toEntries(live).map(([name, sinks]) => ({ owner: name, sinks: JSON.parse(sinks.toString()) as string[] })) // as an owner said it
  }

  async inspect(): Promise<readonly ShardReport[]> {
    return await Promise.all(this.#shards.map((shard) => inspect(shard, this.#maxShardBytes)))
  }

  async trim(options?: { keepSinceMs: number }): Promise<number> {
    return sum(await Promise.all(this.#shards.map((shard) => trimShard(shard, options))))
  }

  async retire(sink: string): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.run('retire', [sink], sink)))
  }

  async deadLetters(sink: string, page: { limit: number; after?: number }): Promise<readonly StoredDeadLetter[]> {
    const letters = await Promise.all(this.#shards.map((shard) => listDeadLetters(shard, sink, page)))
    return letters
      .flat()
      .sort((a, b) => a.id - b.id)
      .slice(0, page.limit)
  }

  async dropDeadLetters(sink: string, ids: readonly number[]): Promise<number> {
    return sum(await Promise.all(this.#shards.map((shard) => changeDeadLetters(shard, 'drop', sink, ids))))
  }

  async retryDeadLetters(sink: string, ids: readonly number[]): Promise<number> {
    return sum(await Promise.all(this.#shards.map((shard) => changeDeadLetters(shard, 'retry', sink, ids))))
  }

  async minutes(sink: string, range: { from: number; to: number }): Promise<readonly MinuteSum[]> {
    return await findMinutes(this.#shards, sink, range)
  }

  async peek(shard: string, from: Position, { maxBytes }: { maxBytes: number }): Promise<readonly Frame[]> {
    // In this order on one connection: the log was still the same after it was read.
    const [frames] = await Promise.all([this.#peeked.get(shard)?.read(from, maxBytes), this.end(shard)])
    return frames ?? []
  }

  async end(shard: string): Promise<Position> {
    const [, cumulative] = await this.#shard(shard).run('end', [])
    return { offset: toNumber(cumulative), index: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#leases].map((lease) => lease[Symbol.asyncDispose]()))
    await this.#connection[Symbol.asyncDispose]()
  }

  #shard(name: string): Shard {
    const shard = this.#shards.find((one) => one.name === name)
    if (!shard) throw new Error(`The log has no shard ${name}; there are ${this.shards.join(', ')}.`)
    return shard
  }
}

async function trimShard(shard: Shard, { keepSinceMs }: { keepSinceMs?: number } = {}): Promise<number> {
  for (let total = 0; ; ) {
    const args = [sliceRecords, forgetProducersAfterMs, keepSinceMs ?? '', oldestHour()]
    const [, gone, isMore, outdated] = await shard.run('trim', args)
    total += toNumber(gone)
    if (isMore === 1) continue
    for (const sink of toList(outdated).map(toText)) await shard.run('forget', [sink, oldestHour()], sink)
    return total
  }
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
