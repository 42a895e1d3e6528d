import type { Registry } from 'prom-client'
import { type Buffer, BufferUnavailableError, LogResetError } from '../buffer/buffer.ts'
import { backoff } from '../runtime/backoff.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import { type Board, type DeliveryStatus, openBoard } from './board.ts'
import { type BufferLink, BufferWatch } from './buffer-watch.ts'
import { Delivery, type PumpSink } from './delivery.ts'
import { FrameCache } from './frame-cache.ts'
import { Share } from './share.ts'
import { tend } from './tend.ts'

export interface PumpOptions {
  readonly sinks: readonly PumpSink[]
  /** Opens the log; called again after it was reset. Throws BufferUnavailableError where it cannot be reached now; anything else is final. */
  readonly openBuffer: () => Promise<Buffer>
  /** Names this process in leases. */
  readonly owner: string
  /** Frames kept decoded, so that sinks that read together decode once. */
  readonly cacheBytes: number
  /** Bytes, as they stand in the log, of all blocks cut and not settled: shared evenly, so that a sink that stands still takes nothing from the others. */
  readonly inFlightBytes: number
  /** How long the blocks on their way may take to settle when the pump stops. */
  readonly graceMs: number
  /** How often a halted sink is tried again. */
  readonly haltedRetryMs: number
  /** How long what every sink has passed stays in the log, while that is less than half full. */
  readonly keepMs: number
  readonly registry: Registry
  readonly log: Log
}

export interface Health {
  readonly ready: boolean
  readonly buffer: 'reachable' | 'unreachable'
  readonly sinks: readonly DeliveryStatus[]
  /** Sinks that hold the log and are not in the config: retire them, or bring them back. */
  readonly orphans: readonly string[]
}

/** Delivers from one log to every sink, each at its own pace, until it is disposed. */
export interface Pump extends AsyncDisposable {
  /** Whether the buffer answers and every loop turns. A halted sink is named, but the pump stays ready: a restart would not mend it. */
  health(): Promise<Health>
  /** Rejects when the pump cannot go on: the process should end. */
  readonly failed: Promise<never>
}

/** 1 s: a log that is found reset again and again is not opened in a tight loop. */
const reopenMs = 1000
/** A loop that has not turned for this long is stuck; the longest honest wait is a halted sink's 30 s. */
const stuckAfterMs = 120_000
/** Opens the log and starts delivering; a log that cannot be reached yet is waited for. */
export async function openPump(options: PumpOptions): Promise<Pump> {
  const { log } = options
  const stop = new AbortController()
  let buffer: Buffer | undefined
  const inspect = async () => (buffer ? await buffer.inspect().catch(() => []) : [])
  const board = openBoard(
    options.registry,
    options.sinks.map(({ name }) => name),
    inspect,
  )
  const watch = new BufferWatch(log)
  buffer = await openNow(options, watch.link('opening'))
  const running = run({ ...options, watch }, board, stop.signal, buffer, (opened) => {
    buffer = opened
  })
  const failed = running.then(() => new Promise<never>(() => {}))
  failed.catch(() => {}) // whoever composes the process awaits it too

  return {
    failed,
    async health() {
      const reports = await buffer?.inspect().catch(() => undefined)
      const sinks = board.statuses()
      const turning = sinks.every(
        ({ turnedAtMs, state }) => state === 'halted' || Date.now() - turnedAtMs < stuckAfterMs,
      )
      return {
        ready: reports !== undefined && turning,
        buffer: reports ? 'reachable' : 'unreachable',
        sinks,
        orphans: reports ? board.orphans(reports) : [],
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('The pump stops.'))
      await running.catch((error) => log('error', 'Pump stopped uncleanly.', { error }))
    },
  }
}

async function openNow({ openBuffer }: PumpOptions, link: BufferLink): Promise<Buffer | undefined> {
  try {
    const buffer = await openBuffer()
    link.back()
    return buffer
  } catch (error) {
    if (!(error instanceof BufferUnavailableError)) throw error
    link.away(error)
    return undefined
  }
}

type RunOptions = PumpOptions & { readonly watch: BufferWatch }

async function run(
  options: RunOptions,
  board: Board,
  stop: AbortSignal,
  first: Buffer | undefined,
  onOpened: (buffer: Buffer | undefined) => void,
): Promise<void> {
  const cache = new FrameCache(options.sinks.length > 1 ? options.cacheBytes : 0)
  let opened = first
  for (let tries = 0; !stop.aborted; tries++) {
    opened ??= await openNow(options, options.watch.link('opening'))
    onOpened(opened)
    if (!opened) {
      await wait(backoff(tries), stop).catch(() => {})
      continue
    }
    try {
      await using buffer = opened
      await serve(options, board, stop, buffer, cache)
    } catch (error) {
      if (!(error instanceof LogResetError)) throw error
      options.log(
        'error',
        'The log was reset or lost its tail; it is opened again, and sinks go on from what it still knows.',
        {
          error,
        },
      )
    }
    onOpened(undefined)
    opened = undefined
    cache.clear()
    await wait(reopenMs, stop).catch(() => {}) // aborted: seen next
  }
}

/** Runs a delivery per sink × shard over one opened log, until `stop` or until one of them finds that the log was reset. */
async function serve(
  options: RunOptions,
  board: Board,
  stop: AbortSignal,
  buffer: Buffer,
  cache: FrameCache,
): Promise<void> {
  const failure = new AbortController()
  const signal = AbortSignal.any([stop, failure.signal])
  const places = buffer.shards.length * options.sinks.reduce((sum, { inFlight }) => sum + inFlight, 0)
  const shareBytes = Math.floor(options.inFlightBytes / places)
  const share = new Share({
    buffer,
    attendance: { owner: options.owner, sinks: options.sinks.map(({ name }) => name) },
    link: options.watch.link('attending'),
    log: options.log,
    onChange: () => {
      for (const delivery of deliveries) delivery.yieldUnlessOurs()
    },
  })
  const deliveries: readonly Delivery[] = options.sinks.flatMap((sink) =>
    buffer.shards.map((shard) => {
      const limits = { ...sink.limits, maxBytes: Math.min(sink.limits.maxBytes, shareBytes) }
      const pumpSink = { ...sink, limits }
      const log: Log = (level, sentence, fields) =>
        options.log(level, sentence, { sink: pumpSink.name, shard, ...fields })
      return new Delivery({
        ...options,
        pumpSink,
        buffer,
        shard,
        cache,
        isOurs: () => share.isOurs(pumpSink.name, shard),
        link: options.watch.link(`${pumpSink.name}/${shard}`),
        log,
        observer: board.observer(pumpSink.name, shard),
      })
    }),
  )
  const tasks = [share.run(signal), ...deliveries.map((delivery) => delivery.run(signal))]
  tasks.push(tend({ ...options, board, buffer, deliveries, link: options.watch.link('tending') }, signal))
  for (const task of tasks) task.catch((error) => failure.abort(error))
  await Promise.allSettled(tasks)
  if (failure.signal.aborted) throw failure.signal.reason
}
