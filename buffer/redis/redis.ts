import { randomUUID } from 'node:crypto'
import { ConfigError } from '../../runtime/check.ts'
import type { Log } from '../../runtime/log.ts'
import type { Buffer, DeadLetter, Reader, ReaderOptions, ShardReport, StoredDeadLetter, Writer } from '../buffer.ts'
import { type Connection, openConnection } from './connection.ts'
import { inspect } from './inspect.ts'
import { shardKeys } from './keys.ts'
import type { RedisBufferOptions } from './options.ts'
import { takeReader } from './reader.ts'
import { evaluate, type Reply, toEntries, toList, toNumber, toText } from './script.ts'
import { checkServers, type ServerFacts } from './server.ts'
import { Shard } from './shard.ts'
import { RedisWriter } from './writer.ts'

/** 0.9: what the log's own frame numbers, seals and states take beside the records, and what settles need when appends are refused. */
const shareOfMemory = 0.9
/** 2 GiB, as of the sqlite buffer, where Redis sets no limit of its own. */
const unlimitedBytes = 2 * 1024 ** 3
/** 10,000: 20 full frames, whose memory Redis frees in about a millisecond. */
const sliceRecords = 10_000
/** 90 days: a producer that comes back later than that is met as a new one. */
const forgetProducersAfterMs = 90 * 24 * 3600 * 1000

/** Opens the log in Redis, made where there is none. Throws ConfigError where Redis may not be used as it is. */
export async function openRedisBuffer(options: RedisBufferOptions, { log }: { readonly log: Log }): Promise<Buffer> {
  await using opening = new AsyncDisposableStack()
  const connection = opening.use(await openConnection(options))
  const facts = await checkServers(connection, options)
  const shards = await Promise.all(
    Array.from({ length: options.shards }, (_, i) => openShard(connection, `${i}`, { options, facts, log })),
  )
  const maxBytes =
    options.maxBytes ?? Math.floor((facts.maxMemoryBytes ?? unlimitedBytes / shareOfMemory) * shareOfMemory)
  const buffer = new RedisBuffer(connection, shards, Math.floor(maxBytes / shards.length))
  opening.move()
  return buffer
}

async function openShard(
  connection: Connection,
  name: string,
  { options, facts, log }: { options: RedisBufferOptions; facts: ServerFacts; log: Log },
): Promise<Shard> {
  const keys = shardKeys(options.prefix, name)
  const reply = await connection.ask((client) => evaluate(client, 'open', keys.common, [randomUUID(), options.shards]))
  const [, incarnation, shards, gone] = reply
  if (toNumber(shards) > options.shards)
    throw new ConfigError(
      `The log ${options.prefix} in Redis has ${toText(shards)} shards: set shards to that, since those beyond ${options.shards} would not be read.`,
    )
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
  readonly #leases = new Set<AsyncDisposable>()

  constructor(connection: Connection, shards: readonly Shard[], maxShardBytes: number) {
    this.incarnation = shards.map(({ incarnation }) => incarnation).join('+')
    this.shards = shards.map(({ name }) => name)
    this.#connection = connection
    this.#shards = shards
    this.#maxShardBytes = maxShardBytes
  }

  async writer(): Promise<Writer> {
    return new RedisWriter(this.#shards, this.#maxShardBytes)
  }

  async reader(options: ReaderOptions): Promise<Reader | undefined> {
    const shard = this.#shards.find(({ name }) => name === options.shard)
    if (!shard) throw new Error(`The log has no shard ${options.shard}; there are ${this.shards.join(', ')}.`)
    return await takeReader(shard, options, this.#leases)
  }

  async inspect(): Promise<readonly ShardReport[]> {
    return await Promise.all(this.#shards.map((shard) => inspect(shard, this.#maxShardBytes)))
  }

  async trim(): Promise<number> {
    const gone = await Promise.all(this.#shards.map(trimShard))
    return gone.reduce((sum, frames) => sum + frames, 0)
  }

  async retire(sink: string): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.run('retire', [sink], sink)))
  }

  async deadLetters(sink: string, { limit }: { limit: number }): Promise<readonly StoredDeadLetter[]> {
    const letters = await Promise.all(this.#shards.map((shard) => deadLettersIn(shard, sink, limit)))
    return letters
      .flat()
      .sort((a, b) => a.atMs - b.atMs || a.id - b.id)
      .slice(0, limit)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#leases].map((lease) => lease[Symbol.asyncDispose]()))
    await this.#connection[Symbol.asyncDispose]()
  }
}

async function trimShard(shard: Shard): Promise<number> {
  for (let total = 0; ; ) {
    const [, gone, isMore] = await shard.run('trim', [sliceRecords, forgetProducersAfterMs])
    total += toNumber(gone)
    if (isMore !== 1) return total
  }
}

async function deadLettersIn(shard: Shard, sink: string, limit: number): Promise<StoredDeadLetter[]> {
  const [, , key] = shard.keys.ofSink(sink)
  const entries = await shard.connection.ask((client) => client.callBuffer('xrange', key, '-', '+', 'COUNT', limit))
  return toList(entries as Reply).map((entry) => {
    const [id, fields] = toList(entry)
    const values = new Map(toEntries(fields))
    return {
      ...{ id: Number.parseInt(toText(id), 10), sink, shard: shard.name, atMs: toNumber(values.get('atMs')) },
      form: values.get('form')?.toString() as DeadLetter['form'], // as settle wrote it
      reason: toText(values.get('reason')),
      bytes: values.get('bytes') ?? new Uint8Array(),
    }
  })
}
