import type { HrTime } from '@opentelemetry/api'
import type { RequestRecord } from '../../record/fields.ts'
import type { Log } from '../../runtime/log.ts'
import { type Block, HaltError, RejectedError, type Sink } from '../sink.ts'
import { toHrTime } from './attributes.ts'
import { exportLogs } from './logs.ts'
import { exportMetrics, type Window } from './metrics.ts'
import type { OtlpOptions } from './options.ts'
import { partialSuccess } from './partial-success.ts'
import { type ResourceOf, resources } from './resource.ts'
import { openSender, type Sender } from './sender.ts'
import type { Export, SignalName } from './signal.ts'
import { exportSpans } from './traces.ts'

/** Metrics last: a record that is refused as a log is not counted until it is taken. */
const order = ['logs', 'traces', 'metrics'] as const satisfies readonly SignalName[]

/** What of a shard the receiver has, as far as it is not settled. */
interface Progress {
  /** Ids of records whose request was taken. A repeat after a failure, and the parts of a split, send only what is missing. */
  readonly taken: Readonly<Record<SignalName, Set<string>>>
  /** End of the last window of metrics. */
  metricsUntil: HrTime | undefined
}

export class OtlpSink implements Sink {
  readonly #options: OtlpOptions
  readonly #log: Log
  readonly #sender: Sender
  readonly #resourceOf: ResourceOf
  readonly #shards = new Map<string, Progress>()

  constructor(options: OtlpOptions, log: Log) {
    this.#options = options
    this.#log = log
    this.#sender = openSender(options)
    this.#resourceOf = resources(options.resource)
  }

  async write(block: Block, signal: AbortSignal): Promise<undefined> {
    signal.throwIfAborted()
    const progress = this.#progressOf(block.shard)
    const window = windowOf(block, progress)
    for (const name of order) {
      if (!this.#options[name]) continue
      const taken = progress.taken[name]
      const missing = block.records.filter(({ id }) => !taken.has(id))
      for (const request of this.#exports(name, missing, block, window)) {
        await this.#send(name, request, signal)
        for (const { id } of request.records) taken.add(id)
      }
    }
    progress.metricsUntil = window.endTime
  }

  settled({ shard, records }: Block): void {
    const { taken } = this.#progressOf(shard)
    for (const name of order) for (const { id } of records) taken[name].delete(id)
  }

  released(shard: string): void {
    this.#shards.delete(shard)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender[Symbol.asyncDispose]()
  }

  #progressOf(shard: string): Progress {
    const progress = this.#shards.get(shard) ?? {
      taken: { logs: new Set(), traces: new Set(), metrics: new Set() },
      metricsUntil: undefined,
    }
    this.#shards.set(shard, progress)
    return progress
  }

  #exports(name: SignalName, records: readonly RequestRecord[], block: Block, window: Window): Iterable<Export> {
    const resourceOf = this.#resourceOf
    const limits = { maxItems: this.#options.requestRecords, maxBytes: this.#options.requestBytes }
    if (name === 'logs') return exportLogs(records, { resourceOf, limits, observedAtMs: block.appendedAtMs })
    if (name === 'traces') return exportSpans(records, { resourceOf, limits })
    return exportMetrics(records, { resourceOf, limits, window })
  }

  /**
   * A receiver that took a part does not say which. Of logs and spans the pump then halves the block until the refused ones
   * are alone; no more is sent again in that than this request held, once for each halving. Data points are not sent again,
   * as OTLP demands: the receiver would add those it took once more.
   */
  async #send(name: SignalName, { body, items }: Export, signal: AbortSignal): Promise<void> {
    const { rejected, message } = partialSuccess(name, await this.#sender.send(name, body, signal))
    const facts = { signal: name, items, rejected, message }
    if (rejected === 0 && message === '') return
    if (rejected === 0) return this.#log('warn', 'Receiver took the request and has something to say about it.', facts)
    if (name !== 'metrics') throw new RejectedError(`The receiver refused ${rejected} of ${items} ${name}: ${message}`)
    if (rejected >= items)
      throw new HaltError(`The receiver refuses metrics: ${message}. Mend it, or set metrics to false.`)
    this.#log('error', 'Receiver refused data points, which are lost.', facts)
  }
}

/**
 * From the end of the last window to when the log took the block. Ends grow from block to block, since receivers drop a point that
 * is not later than the last one: blocks of one millisecond are told apart by their place. A repeat has the same window.
 */
function windowOf({ seq, appendedAtMs, records }: Block, { metricsUntil }: Progress): Window {
  const [seconds, nanos] = toHrTime(appendedAtMs * 1000)
  const endTime: HrTime = [seconds, nanos + (seq % nanosPerMs)]
  if (metricsUntil) return { startTime: metricsUntil, endTime }
  const oldest = records.reduce((us, { ts }) => Math.min(us, ts), appendedAtMs * 1000)
  return { startTime: toHrTime(oldest), endTime }
}

const nanosPerMs = 1_000_000
