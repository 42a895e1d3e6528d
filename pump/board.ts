import type { Registry } from 'prom-client'
import type { ShardReport } from '../buffer/ledger.ts'
import { toCounter, toGauge, toHistogram } from '../metrics/metric.ts'
import { pumpMetrics } from '../metrics/pump.ts'
import type { DeliveryObserver, SinkState } from './observer.ts'

/** How one sink × shard fares. */
export interface DeliveryStatus {
  readonly sink: string
  readonly shard: string
  readonly state: SinkState
  /** Why it is not running. */
  readonly reason: string | undefined
  /** When its loop last turned or its sink last answered, Unix milliseconds. */
  readonly turnedAtMs: number
}

export interface Board {
  observer(sink: string, shard: string): DeliveryObserver
  statuses(): readonly DeliveryStatus[]
  /** Records of a sink were given up that nobody here delivers to. */
  evicted(sink: string, records: number): void
  /** Sinks that the log knows and the config does not: their cursors hold it. */
  orphans(reports: readonly ShardReport[]): readonly string[]
}

const states: readonly SinkState[] = ['running', 'retrying', 'halted', 'standby']

/** Counts what the deliveries do, and shows the log's ledgers at every scrape of `registry`. */
export function openBoard(
  registry: Registry,
  sinks: readonly string[],
  inspect: () => Promise<readonly ShardReport[]>,
): Board {
  const statuses = new Map<string, DeliveryStatus>()
  const received = toCounter(pumpMetrics.received, registry)
  const sent = toCounter(pumpMetrics.sent, registry)
  const sentBytes = toCounter(pumpMetrics.sentBytes, registry)
  const discarded = toCounter(pumpMetrics.discarded, registry)
  const errors = toCounter(pumpMetrics.errors, registry)
  const writeSeconds = toHistogram(pumpMetrics.writeSeconds, registry)
  for (const component of sinks) {
    received.inc({ component }, 0)
    sent.inc({ component }, 0)
    sentBytes.inc({ component }, 0)
    for (const reason of ['rejected', 'evicted']) discarded.inc({ component, reason, intentional: 'false' }, 0)
    for (const reason of ['filtered', 'released']) discarded.inc({ component, reason, intentional: 'true' }, 0)
    for (const kind of ['retry', 'reject', 'halt', 'unknown']) errors.inc({ component, kind }, 0)
  }
  toGauge(pumpMetrics.sinkState, registry, (gauge) => {
    for (const { sink, shard, state } of statuses.values()) {
      for (const one of states) gauge.set({ sink, shard, state: one }, one === state ? 1 : 0)
    }
  })
  showLedgers(registry, sinks, inspect)

  // Nobody received them before: they went from the log to nowhere.
  const evicted = (component: string, records: number) => {
    received.inc({ component }, records)
    discarded.inc({ component, reason: 'evicted', intentional: 'false' }, records)
  }

  return {
    evicted,
    observer(sink, shard) {
      const key = `${sink}/${shard}`
      const show = (state: SinkState, reason: string | undefined) =>
        statuses.set(key, { sink, shard, state, reason, turnedAtMs: Date.now() })
      show('standby', undefined)
      return {
        onState: (state, reason) => show(state, reason),
        onTurn: () => {
          const now = statuses.get(key)
          if (now) show(now.state, now.reason)
        },
        onError: (kind) => errors.inc({ component: sink, kind }),
        onWrite: (seconds) => writeSeconds.observe({ sink }, seconds),
        onReceived: (records) => received.inc({ component: sink }, records),
        onSettled: ({ delivered, filtered, deadLettered, bytes }) => {
          sent.inc({ component: sink }, delivered)
          sentBytes.inc({ component: sink }, bytes)
          discarded.inc({ component: sink, reason: 'filtered', intentional: 'true' }, filtered)
          discarded.inc({ component: sink, reason: 'rejected', intentional: 'false' }, deadLettered)
        },
        onEvicted: (records) => evicted(sink, records),
        onReleased: (records) => discarded.inc({ component: sink, reason: 'released', intentional: 'true' }, records),
      }
    },
    statuses: () => [...statuses.values()],
    orphans: (reports) =>
      [...new Set(reports.flatMap(({ ledgers }) => ledgers.map(({ sink }) => sink)))].filter(
        (sink) => !sinks.includes(sink),
      ),
  }
}

/** Both sides of conservation and the lag of every reader, fresh at each scrape; what cannot be read is left out rather than shown old. */
function showLedgers(
  registry: Registry,
  sinks: readonly string[],
  inspect: () => Promise<readonly ShardReport[]>,
): void {
  // Every gauge waits for the one report of its scrape: a gauge is read as soon as its own `collect` is done.
  let showing: Promise<void> | undefined
  const shown = () => {
    showing ??= show().finally(() => {
      showing = undefined
    })
    return showing
  }
  const terms = {
    appended: toGauge(pumpMetrics.appended, registry, shown),
    delivered: toGauge(pumpMetrics.delivered, registry, shown),
    filtered: toGauge(pumpMetrics.filtered, registry, shown),
    deadLettered: toGauge(pumpMetrics.deadLettered, registry, shown),
    evicted: toGauge(pumpMetrics.evicted, registry, shown),
    backlog: toGauge(pumpMetrics.lagRecords, registry, shown),
    deadLettersHeld: toGauge(pumpMetrics.deadLettersHeld, registry, shown),
  }
  const conservationError = toGauge(pumpMetrics.conservationError, registry, shown)
  const orphan = toGauge(pumpMetrics.sinkOrphan, registry, shown)
  const lagSeconds = toGauge(pumpMetrics.lagSeconds, registry, shown)
  const bufferBytes = toGauge(pumpMetrics.bufferBytes, registry, shown)
  const bufferMaxBytes = toGauge(pumpMetrics.bufferMaxBytes, registry, shown)

  async function show(): Promise<void> {
    const reports = await inspect()
    for (const gauge of [...Object.values(terms), conservationError, orphan, lagSeconds, bufferMaxBytes, bufferBytes])
      gauge.reset()
    for (const { shard, ledgers, bytes, maxBytes } of reports) {
      bufferBytes.set({ shard }, bytes)
      bufferMaxBytes.set({ shard }, maxBytes)
      for (const ledger of ledgers) {
        const labels = { sink: ledger.sink, shard }
        orphan.set({ sink: ledger.sink }, sinks.includes(ledger.sink) ? 0 : 1)
        for (const [term, gauge] of Object.entries(terms)) gauge.set(labels, ledger[term as keyof typeof terms]) // entries lose the key type
        const { appended, delivered, filtered, deadLettered, evicted, backlog, oldestAtMs } = ledger
        conservationError.set(labels, appended - delivered - filtered - deadLettered - evicted - backlog)
        lagSeconds.set(labels, oldestAtMs === undefined ? 0 : Math.max(0, (Date.now() - oldestAtMs) / 1000))
      }
    }
  }
}
