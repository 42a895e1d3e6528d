import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { Registry } from 'prom-client'
import type { StartAt } from '../../buffer/buffer.ts'
import type { Config } from '../../config/config.ts'
import { openPump } from '../../pump/pump.ts'
import { openShapes, type Shapes } from '../../pump/shape/shape.ts'
import type { Trial } from '../../pump/trial.ts'
import { openAdmin } from '../../runtime/admin.ts'
import { type ExpositionFormat, expose } from '../../runtime/exposition.ts'
import type { Log } from '../../runtime/log.ts'
import { orAborted } from '../../runtime/wait.ts'
import { sinks } from '../../sinks/index.ts'
import type { BlockLimits, Sink, SinkDefinition } from '../../sinks/sink.ts'
import { openTrial } from '../trial/trial.ts'
import { openBuffer } from './buffer.ts'
import { registerProcessMetrics } from './process-metrics.ts'

/** A sink that is open, by its name in the config. */
export interface OpenedSink {
  readonly name: string
  readonly type: string
  readonly sink: Sink
  readonly definition: SinkDefinition
  readonly limits: BlockLimits
  readonly shapes: Shapes
  readonly writeTimeoutMs: number
  readonly startAt: StartAt
  readonly hold: 'evict' | 'forever'
  readonly maxDeadLetters: number
  readonly trial: Trial
}

/** Opens every sink of the config; `opened` closes them. */
export async function openSinks(config: Config, log: Log, opened: AsyncDisposableStack): Promise<OpenedSink[]> {
  const result: OpenedSink[] = []
  const { hashKeys } = config.pump
  for (const [
    name,
    { type, block, shape, startAt, writeTimeoutMs, hold, maxDeadLetters, ...options },
  ] of Object.entries(config.sinks)) {
    const definition: SinkDefinition = sinks[type as keyof typeof sinks] // the config's schema admits only these
    const sinkLog: Log = (level, sentence, fields) => log(level, sentence, { sink: name, ...fields })
    const sink = await definition.open(options, { name, log: sinkLog, dataDir: config.dataDir })
    opened.defer(() => closeSink(sink, sinkLog))
    const limits = {
      maxRecords: block.maxRecords ?? definition.block.maxRecords,
      maxBytes: block.maxBytes ?? definition.block.maxBytes,
      maxAgeMs: block.maxAgeMs ?? definition.block.maxAgeMs,
    }
    const trial = openTrial({ type, name, options, definition, hashKeys, dataDir: config.dataDir })
    const shapes = openShapes(shape, hashKeys)
    const rules = { limits, shapes, startAt: toStartAt(startAt), writeTimeoutMs, hold, maxDeadLetters }
    result.push({ name, type, sink, definition, ...rules, trial })
  }
  return result
}

/** A word, or a time as the config's schema admits it. */
function toStartAt(text: string): StartAt {
  return text === 'oldest' || text === 'now' ? text : { atMs: Date.parse(text) }
}

/** 5 s: a sink that has written all that it was given closes within moments. */
const closeWithinMs = 5000

/** Closes a sink, or leaves it behind where it does not end: what it has not taken stays in the log. */
async function closeSink(sink: Sink, log: Log): Promise<void> {
  const limit = AbortSignal.timeout(closeWithinMs)
  try {
    await orAborted(Promise.resolve(sink[Symbol.asyncDispose]()), limit)
  } catch (error) {
    if (!limit.aborted) throw error
    log('error', 'Sink did not close in time and is left behind.', { closeWithinMs })
  }
}

/**
 * Fits the collector to a stream of records. The heap grows by half of what lives in it between two full collections, where
 * V8 would let it grow fourfold on a machine with much memory: draining a backlog of 500,000 records then peaks at 270 MB in
 * place of 440, for no more CPU. And a record is never allocated as long-lived: V8 would begin to once a frame has outlived
 * a collection, and that costs the prometheus sink a third of its CPU.
 */
function tuneCollector(): void {
  setFlagsFromString('--heap-growing-percent=50')
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/** Runs the pump over sinks that are open, with its admin endpoints; `opened` stops it. Resolves to the admin address and to what rejects when it cannot go on. */
export async function openPumpRole(
  config: Config,
  openedSinks: readonly OpenedSink[],
  log: Log,
  opened: AsyncDisposableStack,
) {
  tuneCollector()
  const registry = new Registry()
  registerProcessMetrics('pump', registry)
  const pump = opened.use(
    await openPump({
      ...config.pump,
      sinks: openedSinks.map(({ definition, ...rest }) => ({ ...rest, inFlight: definition.inFlight })),
      openBuffer: () => openBuffer(config, log),
      owner: `${hostname()}/${process.pid}/${randomUUID()}`, // containers may share a name and all be process 1
      registry,
      log,
    }),
  )
  const sources = openedSinks.flatMap(({ sink }) =>
    sink.expose ? [(format: ExpositionFormat) => sink.expose?.(format) ?? []] : [],
  )
  const admin = opened.use(
    await openAdmin({
      listen: config.pump.admin,
      healthz: () => ({ ok: true }),
      readyz: async () => {
        const { ready, ...facts } = await pump.health()
        return { ok: ready, facts }
      },
      metrics: (format) => expose(format, registry, sources),
      log,
    }),
  )
  return { url: admin.url, failed: pump.failed }
}
