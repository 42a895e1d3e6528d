import { recordMetrics } from '../../metrics/records.ts'
import { type ExpositionFormat, familyHead, labelText } from '../../runtime/exposition.ts'
import { type Block, defineSink, type Sink } from '../sink.ts'
import { consumerLines, unnamedRequests } from './consumers.ts'
import { declaredLines, othersRequests, valuelessRequests } from './declared.ts'
import { prometheusOptions, toShardOptions } from './options.ts'
import { line, slices } from './page.ts'
import type { Shown } from './row.ts'
import type { SeriesTable } from './series-table.ts'
import { Shard, type ShardOptions } from './shard.ts'
import { collapsedRequests, trafficLines } from './traffic.ts'

export default defineSink({
  summary: 'Counts requests into metrics that Prometheus scrapes from the pump’s /metrics',
  outOfReach:
    'It keeps sums alone, whose series name consumers with many requests: read them at the pump’s /metrics, and delete series in Prometheus with its admin API.',
  notResendable:
    'Its counters would count the records once more, at today’s time. For what was missed, ask the store or ClickHouse, which keep each record’s own time.',
  idempotency: 'block',
  options: prometheusOptions,
  block: {
    maxRecords: 20_000, // what a block costs beside its records, copying and saving each series once, is then below a tenth
    maxBytes: 8 * 1024 * 1024,
    maxAgeMs: 1000, // far below any scrape interval
  },
  inFlight: 1, // a block builds on what the one before has settled
  scratch: (options) => options,
  async open(options) {
    return new PrometheusSink(toShardOptions(options))
  },
})

/** Counts blocks into series, and shows what is settled. */
class PrometheusSink implements Sink {
  readonly #options: ShardOptions
  readonly #shards = new Map<string, Shard>()

  constructor(options: ShardOptions) {
    this.#options = options
  }

  async write(block: Block, signal: AbortSignal) {
    signal.throwIfAborted()
    const shard = this.#shards.get(block.shard)
    if (!shard) throw new Error(`Shard ${block.shard} was written to before it was acquired.`)
    return { state: shard.write(block) }
  }

  acquired(shard: string, state: ReadonlyMap<string, Uint8Array>): void {
    this.#shards.set(shard, new Shard(shard, this.#options, state))
  }

  settled(block: Block): void {
    this.#shards.get(block.shard)?.settle(block)
  }

  released(shard: string): void {
    this.#shards.delete(shard)
  }

  expose(format: ExpositionFormat): Iterable<string> {
    return slices(
      lines(
        groupsOf(this.#options, format).map((group) => snapshot(group, this.#shards)),
        format,
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shards.clear()
  }
}

/** Metrics that share a part of the series budget. */
interface ExposedGroup {
  readonly name: string
  readonly table: (shard: Shard) => SeriesTable | undefined
  readonly lines: (rows: readonly Shown[]) => Iterable<string>
  /** Requests counted under `__other__`. */
  readonly collapsed: (rows: readonly Shown[]) => number
  /** Requests that were passed over; only where that can be. */
  readonly valueless?: (rows: readonly Shown[]) => number
}

function groupsOf({ traffic, declared }: ShardOptions, format: ExpositionFormat): ExposedGroup[] {
  return [
    {
      name: 'endpoints',
      table: (shard) => shard.traffic.table,
      lines: (rows) => trafficLines(rows, traffic, format),
      collapsed: collapsedRequests,
    },
    {
      name: 'consumers',
      table: (shard) => shard.consumers.table,
      lines: (rows) => consumerLines(rows, format),
      collapsed: unnamedRequests,
    },
    ...declared.map((compiled, i) => ({
      name: compiled.declaration.name,
      table: (shard: Shard) => shard.declared[i]?.table,
      lines: (rows: readonly Shown[]) => declaredLines(compiled, rows, format),
      collapsed: othersRequests,
      valueless: valuelessRequests,
    })),
  ]
}

/** A group as it stands now, by shard. */
interface Snapshot {
  readonly group: ExposedGroup
  readonly shards: readonly {
    readonly labels: string
    readonly rows: readonly Shown[]
    readonly series: number
    readonly maxSeries: number
  }[]
}

function snapshot(group: ExposedGroup, shards: ReadonlyMap<string, Shard>): Snapshot {
  const tables = [...shards].flatMap(([name, shard]) => {
    const table = group.table(shard)
    if (!table) return []
    const { settledSeries: series, maxSeries } = table
    return [{ labels: labelText({ shard: name, group: group.name }), rows: table.shown(), series, maxSeries }]
  })
  return { group, shards: tables }
}

function* lines(snapshots: readonly Snapshot[], format: ExpositionFormat): Generator<string> {
  for (const { group, shards } of snapshots) yield* group.lines(shards.flatMap(({ rows }) => rows))
  const { series, seriesBudget, collapsedRequests: collapsed, valuelessRequests: valueless } = recordMetrics
  for (const [{ name, type, help }, read] of [
    [series, (_, shard) => shard.series],
    [seriesBudget, (_, shard) => shard.maxSeries],
    [collapsed, (group, { rows }) => group.collapsed(rows)],
    [valueless, (group, { rows }) => group.valueless?.(rows)],
  ] satisfies [unknown, (group: ExposedGroup, shard: Snapshot['shards'][number]) => number | undefined][]) {
    yield familyHead(name, type, help, format)
    for (const { group, shards } of snapshots) {
      for (const shard of shards) {
        const value = read(group, shard)
        if (value !== undefined) yield line(name, shard.labels, value)
      }
    }
  }
}
