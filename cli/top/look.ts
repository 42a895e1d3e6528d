import { pumpMetrics } from '../../metrics/pump.ts'
import type { DeliveryStatus } from '../../pump/board.ts'
import type { SinkState } from '../../pump/observer.ts'
import type { Sample } from '../../runtime/metrics-text.ts'
import { askMetrics, askReadiness } from '../admin.ts'
import { BackendError } from '../command.ts'

/** One sink on one shard as of one moment. */
export interface Place {
  readonly sink: string
  readonly shard: string
  /** Undefined where none of the pumps asked has anything to do with it. */
  readonly state: SinkState | 'orphan' | undefined
  /** Why it is not running. */
  readonly reason: string | undefined
  /** Records settled, whatever became of them, since the sink began. */
  readonly settled: number
  /** Records that the log has taken since then. */
  readonly appended: number
  readonly lagRecords: number
  readonly lagSeconds: number
  readonly deadLetters: number
}

/** What pumps have done for a sink since they started. */
export interface Work {
  readonly bytes: number
  readonly retries: number
}

export interface Look {
  readonly atMs: number
  /** How many of the pumps asked answered. */
  readonly pumps: number
  readonly places: readonly Place[]
  readonly work: ReadonlyMap<string, Work>
  readonly bufferBytes: number
  readonly bufferMaxBytes: number
}

/** 3 s: a pump that does not answer by then is shown as away. */
const answerMs = 3000

/** Asks every pump once. Throws BackendError where none answers. */
export async function lookAt(urls: readonly string[], signal: AbortSignal): Promise<Look> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
  const answers = await Promise.allSettled(urls.map((url) => askPump(url, limit)))
  signal.throwIfAborted()
  const pumps = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const [first] = pumps
  if (!first)
    throw new BackendError(
      `No pump answers at ${urls.join(', ')}. Start one with penstock start, or name another with --url.`,
      { cause: answers.find(({ status }) => status === 'rejected') },
    )
  return {
    atMs: Date.now(),
    pumps: pumps.length,
    places: placesOf(first, pumps),
    work: workOf(pumps),
    bufferBytes: first.sum(pumpMetrics.bufferBytes.name),
    bufferMaxBytes: first.sum(pumpMetrics.bufferMaxBytes.name),
  }
}

/** What one pump says. Of the log every pump says the same. */
interface Page {
  readonly statuses: readonly DeliveryStatus[]
  /** Samples of a metric. */
  of(name: string): readonly Sample[]
  /** The sum of a metric over all samples with these labels. */
  sum(name: string, labels?: Sample['labels']): number
}

async function askPump(url: string, signal: AbortSignal): Promise<Page> {
  const [{ sinks = [] }, samples] = await Promise.all([askReadiness(url, signal), askMetrics(url, signal)])
  const byName = Map.groupBy(samples, ({ name }) => name)
  const of = (name: string) => byName.get(name) ?? []
  return {
    statuses: sinks as readonly DeliveryStatus[], // as the pump's health has them
    of,
    sum: (name, labels = {}) =>
      of(name)
        .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
        .reduce((total, { value }) => total + value, 0),
  }
}

function placesOf(page: Page, pumps: readonly Page[]): readonly Place[] {
  return page.of(pumpMetrics.lagRecords.name).map(({ labels, value: lagRecords }): Place => {
    const { sink = '', shard = '' } = labels
    const of = (metric: { readonly name: string }) => page.sum(metric.name, { sink, shard })
    const { delivered, filtered, deadLettered, evicted, appended, lagSeconds, deadLettersHeld, sinkOrphan } =
      pumpMetrics
    const status = statusOf(sink, shard, pumps)
    const isOrphan = pumps.every((one) => one.sum(sinkOrphan.name, { sink }) === 1)
    return {
      sink,
      shard,
      state: isOrphan ? 'orphan' : status?.state,
      reason: status?.reason,
      settled: of(delivered) + of(filtered) + of(deadLettered) + of(evicted),
      appended: of(appended),
      lagRecords,
      lagSeconds: of(lagSeconds),
      deadLetters: of(deadLettersHeld),
    }
  })
}

/** One pump has the place; to the others it is another's. */
function statusOf(sink: string, shard: string, pumps: readonly Page[]): DeliveryStatus | undefined {
  const statuses = pumps.flatMap(({ statuses: some }) =>
    some.filter((status) => status.sink === sink && status.shard === shard),
  )
  return statuses.find(({ state }) => state !== 'standby') ?? statuses[0]
}

function workOf(pumps: readonly Page[]): ReadonlyMap<string, Work> {
  const { sentBytes, errors } = pumpMetrics
  const names = new Set(pumps.flatMap((page) => page.of(sentBytes.name).map(({ labels }) => labels.component ?? '')))
  const sum = (name: string, labels: Sample['labels']) =>
    pumps.reduce((total, page) => total + page.sum(name, labels), 0)
  return new Map(
    [...names].map((component) => [
      component,
      {
        bytes: sum(sentBytes.name, { component }),
        retries: sum(errors.name, { component, kind: 'retry' }) + sum(errors.name, { component, kind: 'unknown' }),
      },
    ]),
  )
}
