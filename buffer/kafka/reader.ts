import {
  comparePositions,
  FencedError,
  type Frame,
  LogResetError,
  type Position,
  type Reader,
  type ReaderOptions,
  type StartAt,
} from '../buffer.ts'
import { leaseMs, ownReader, type Taken } from '../lease.ts'
import { NotHeldError } from './frame-log.ts'
import { readerKey, stateGroup } from './keys.ts'
import { findRetries } from './letters.ts'
import type { Message } from './message.ts'
import type { Place } from './places.ts'
import { retrySettled, settled } from './settlement.ts'
import type { Shard } from './shard.ts'
import type { Decision } from './single-writer.ts'
import {
  newSink,
  positionOf,
  type SinkRecord,
  type Spot,
  sealOf,
  takenBy,
  withEvicted,
  withSeal,
  withSettled,
  withSplit,
} from './sink-record.ts'
import { put } from './stored.ts'

/** What an owner does to its sink. */
interface Change<T> {
  /** Undefined where nothing is to be changed. */
  readonly record: SinkRecord | undefined
  readonly messages?: readonly Message[]
  readonly result: T
}

/** Takes the reading end of a sink; undefined while another owner's lease holds. */
export async function takeReader(
  shard: Shard,
  options: ReaderOptions,
  leases: Set<AsyncDisposable>,
): Promise<Reader | undefined> {
  const { sink, owner } = options
  await shard.refresh()
  const known = shard.sink(sink)
  if (known && isOthers(shard, sink, known, owner)) return undefined
  const start = known ? undefined : await findStart(shard, options.startAt)
  const taken = await shard.ofSink(sink).change(() => {
    const record = shard.sink(sink)
    if (record && isOthers(shard, sink, record, owner)) return { messages: [], result: undefined }
    if (!record && !start) throw new FencedError(`${sink} was retired just now.`)
    const next = takenBy(record ?? newSink(start!, shard.sinkOrRetired(sink)), owner) // one of the two is there
    return decided(shard, sink, record, { record: next, result: next })
  })
  if (!taken) return undefined
  const record = start ? await keptFromTrimming(shard, sink, taken) : taken
  const { cursor, seals, fence } = record
  const reader = { sink, shard: shard.name, fence, cursor: positionOf(cursor), seals: seals.map(sealOf) }
  return openReader(shard, { ...reader, state: findState(shard, sink) }, owner, leases)
}

/** Whether another owner lives, as far as this process has seen: one that was not seen to live for as long as a lease is dead. */
function isOthers(shard: Shard, sink: string, { owner, isReleased, beat }: SinkRecord, us: string): boolean {
  if (isReleased || owner === us) return false
  const seen = shard.quiet.get(sink)
  if (seen?.beat === beat) return performance.now() - seen.sinceMs < leaseMs
  shard.quiet.set(sink, { beat, sinceMs: performance.now() })
  return true
}

async function findStart(shard: Shard, startAt: StartAt): Promise<Place> {
  if (startAt === 'oldest') return shard.trimmed()
  return startAt === 'now' ? await shard.log.end() : await shard.log.since(startAt.atMs)
}

/** Whoever trims looks at all sinks after it has said how far, and we look how far after we are there: so one of us sees the other. */
async function keptFromTrimming(shard: Shard, sink: string, taken: SinkRecord): Promise<SinkRecord> {
  await shard.refresh()
  const place = shard.trimmed()
  if (place.records <= taken.cursor.place.records) return taken
  return await shard.ofSink(sink).change(() => {
    const record = shard.sink(sink)
    if (record?.fence !== taken.fence) throw fencedError(sink, record)
    const next = { ...record, started: place.records, cursor: { place, index: 0 } }
    return decided(shard, sink, record, { record: next, result: next })
  })
}

function findState(shard: Shard, sink: string): ReadonlyMap<string, Uint8Array> {
  const state = new Map<string, Uint8Array>()
  for (const value of shard.state.inGroup(stateGroup(sink)))
    if (value.kind === 'state') state.set(value.key, value.bytes)
  return state
}

/** The transaction of a change. Tools see the cursor where it has moved. */
function decided<T>(shard: Shard, sink: string, before: SinkRecord | undefined, change: Change<T>): Decision<T> {
  const { record, messages = [], result } = change
  if (!record) return { messages: [], result }
  const stored = put(shard.state, readerKey(sink), { kind: 'reader', sink, ...record, beat: record.beat + 1 })
  const { place } = record.cursor
  const shown = before?.cursor.place.offset === place.offset ? {} : { shown: shard.shown(sink, place) }
  return { messages: [stored, ...messages], result, ...shown }
}

function fencedError(sink: string, record: SinkRecord | undefined): FencedError {
  return new FencedError(record ? `${sink} was taken by ${record.owner}.` : `${sink} was retired.`)
}

function openReader(shard: Shard, taken: Taken, owner: string, leases: Set<AsyncDisposable>): Reader {
  const { sink, fence } = taken
  let aliveAtMs = performance.now()

  /** The sink as of the last look. Throws FencedError once somebody else has taken it. */
  function owned(): SinkRecord {
    const record = shard.sink(sink)
    if (record?.fence !== fence || record.owner !== owner) throw fencedError(sink, record)
    return record
  }

  async function change<T>(work: (record: SinkRecord) => Change<T>): Promise<T> {
    const startedAtMs = performance.now()
    const result = await shard.ofSink(sink).change(() => {
      const record = owned()
      return decided(shard, sink, record, work(record))
    })
    aliveAtMs = startedAtMs
    return result
  }

  /** Undefined where the log does not have the position: whether that is a fault is for the owner to say. */
  async function find(position: Position): Promise<Spot | undefined> {
    const place = await shard.log.find(position).catch((error) => {
      if (error instanceof NotHeldError) return undefined
      throw error
    })
    return place && { place, index: position.offset - place.records + position.index }
  }

  /** What lies before the cursor may have been trimmed meanwhile, what lies beyond it never. */
  async function readAgain(from: Position, maxBytes: number, cause: Error): Promise<readonly Frame[]> {
    await shard.refresh()
    if (comparePositions(from, positionOf(owned().cursor)) >= 0)
      throw new LogResetError(`${cause.message} Something else than the sinks' cursors has removed it.`, { cause })
    return (await shard.log.read(shard.trimmed(), maxBytes)).frames
  }

  return ownReader(
    taken,
    {
      async read(from, { maxBytes }) {
        try {
          return await readFrom(shard, from, maxBytes)
        } catch (error) {
          if (error instanceof NotHeldError) return await readAgain(from, maxBytes, error)
          throw error
        }
      },
      async seal(block) {
        const [from, to] = [await find(block.from), await find(block.to)]
        const { token, shape } = block
        return await change((record) => {
          if (!from || !to) throw new Error(`A block of ${sink} must lie within the log; ${show(block)} does not.`)
          const { record: next, seal } = withSeal(record, sink, { from, to, token, shape })
          return { record: next === record ? undefined : next, result: sealOf(seal) }
        })
      },
      async split(seal, position, tokens) {
        const at = await find(position)
        return await change((record) => {
          if (!at) throw new Error(`Block ${seal.id} of ${sink} cannot be split beyond the log's end.`)
          const { record: next, halves } = withSplit(record, sink, seal, at, tokens)
          const result = [sealOf(halves[0]), sealOf(halves[1])] as const
          return { record: next === record ? undefined : next, result }
        })
      },
      settle: (seal, settlement) =>
        change((record) => {
          const moved = withSettled(record, sink, seal)
          return moved ? { ...settled(shard, sink, moved, settlement), result: undefined } : unchanged
        }),
      retries: (options) => findRetries(shard, sink, options?.limit),
      settleRetry: (batch, settlement) =>
        change((record) => {
          const next = retrySettled(shard, sink, record, batch, settlement)
          return next ? { ...next, result: undefined } : unchanged
        }),
      async evict(position, records) {
        const to = await find(position)
        await change((record) => {
          if (!to && comparePositions(positionOf(record.cursor), position) >= 0) return unchanged
          if (!to) throw new Error(`Records of ${sink} cannot be given up beyond the log's end.`)
          return { record: withEvicted(record, sink, to, records), result: undefined }
        })
      },
    },
    {
      async renew() {
        if (performance.now() - aliveAtMs > renewAfterMs) await change((record) => ({ record, result: undefined }))
      },
      release: () => change((record) => ({ record: { ...record, isReleased: true }, result: undefined })),
      among: leases,
    },
  )
}

/** 900 ms: less than the time from one renewal to the next, so that a change renews the lease as well. */
const renewAfterMs = 900

const unchanged = { record: undefined, result: undefined }

async function readFrom(shard: Shard, from: Position, maxBytes: number): Promise<readonly Frame[]> {
  const { records } = shard.totals()
  const place = await shard.log.find(from)
  const { frames, next, isEnd } = place
    ? await shard.log.read(place, maxBytes)
    : { frames: [], next: undefined, isEnd: true }
  if (!next || (isEnd && next.records < records))
    throw new LogResetError(
      `Shard ${shard.name} in Kafka ends at record ${next?.records ?? '?'} and had ${records}: a broker has lost its tail.`,
    )
  return frames
}

const show = ({ from, to }: { from: Position; to: Position }) =>
  `${from.offset}+${from.index} to ${to.offset}+${to.index}`
