import { type Buffer, BufferUnavailableError, LogResetError } from '../buffer/buffer.ts'
import type { ShardReport } from '../buffer/ledger.ts'
import type { Log } from '../runtime/log.ts'
import { orAborted, wait } from '../runtime/wait.ts'
import type { Board } from './board.ts'
import type { BufferLink } from './buffer-watch.ts'
import type { Delivery, PumpSink } from './delivery.ts'
import { evictedSentence, evictOldest } from './evict.ts'

export interface TendOptions {
  readonly buffer: Buffer
  readonly sinks: readonly PumpSink[]
  readonly deliveries: readonly Delivery[]
  readonly owner: string
  /** How long what every sink has passed stays, while the log is less than half full. */
  readonly keepMs: number
  readonly board: Board
  readonly link: BufferLink
  readonly log: Log
}

/** 1 s between looks: what a second leaves behind is let go in a few slices. */
const everyMs = 1000
/** Of the buffer's size: above the first, the sink that holds most gives up its oldest down to the second. */
const evictAbove = 0.95
const evictDownTo = 0.9
/** Of the buffer's size: from here on an operator is told, and told once more. */
const alarms = [
  { from: 0.85, level: 'error' },
  { from: 0.7, level: 'warn' },
] as const
/** Of the buffer's size: what nobody needs any more stays only below this. */
const keepBelow = 0.5

/** Keeps the log small until `stop` is aborted: trims what every sink has passed, and evicts where one sink's backlog nearly fills it. */
export async function tend(options: TendOptions, stop: AbortSignal): Promise<void> {
  const { buffer, link, log } = options
  const teller = new Teller(options)
  let fullest = 1
  while (!stop.aborted) {
    try {
      await buffer.trim(toTrim(options.keepMs, fullest))
      const reports = await buffer.inspect()
      link.back()
      fullest = Math.max(...reports.map(({ bytes, maxBytes }) => bytes / maxBytes))
      teller.tell(reports)
      // One look at a time: the next would see the same bytes again.
      await orAborted(Promise.all(reports.map((report) => relieve(report, options))), stop)
    } catch (error) {
      if (error instanceof LogResetError) throw error
      if (stop.aborted) return
      if (error instanceof BufferUnavailableError) link.away(error)
      else log('warn', 'Log could not be trimmed; it is tried again.', { error })
    }
    await wait(everyMs, stop).catch(() => {})
  }
}

function toTrim(keepMs: number, fullest: number): { keepSinceMs: number } | undefined {
  return keepMs > 0 && fullest < keepBelow ? { keepSinceMs: Date.now() - keepMs } : undefined
}

/** Tells operators of each thing once, until it has gone and come again. */
class Teller {
  readonly #options: TendOptions
  readonly #orphans = new Set<string>()
  readonly #alarms = new Map<string, (typeof alarms)[number] | undefined>()

  constructor(options: TendOptions) {
    this.#options = options
  }

  tell(reports: readonly ShardReport[]): void {
    for (const report of reports) this.#tellSize(report)
    const orphans = this.#options.board.orphans(reports)
    for (const sink of orphans) {
      if (this.#orphans.has(sink)) continue
      const sentence =
        'A sink that is not in the config holds the log; bring it back, or end it with penstock sinks retire.'
      this.#options.log('warn', sentence, { sink })
    }
    this.#orphans.clear()
    for (const sink of orphans) this.#orphans.add(sink)
  }

  #tellSize({ shard, bytes, maxBytes, ledgers }: ShardReport): void {
    const alarm = alarms.find(({ from }) => bytes >= maxBytes * from)
    const before = this.#alarms.get(shard)
    this.#alarms.set(shard, alarm)
    if (!alarm || (before && before.from >= alarm.from)) return
    const holder = holderOf(ledgers)
    const facts = { shard, bytes, maxBytes, sink: holder?.sink, backlog: holder?.backlog }
    this.#options.log(alarm.level, 'Buffer is filling up: this sink has the longest way to go.', facts)
  }
}

type Ledgers = ShardReport['ledgers']

function holderOf(ledgers: Ledgers): Ledgers[number] | undefined {
  const [first, ...others] = ledgers
  return first && others.reduce((most, ledger) => (ledger.backlog > most.backlog ? ledger : most), first)
}

/** Makes room where the log is nearly full: the sink that holds most gives up its oldest records, unless the operator wants all to wait for it. */
async function relieve({ shard, bytes, maxBytes, ledgers }: ShardReport, options: TendOptions): Promise<void> {
  if (bytes <= maxBytes * evictAbove) return
  const holder = holderOf(ledgers)
  if (!holder || options.sinks.some(({ name, hold }) => name === holder.sink && hold === 'forever')) return
  const wantedBytes = bytes - maxBytes * evictDownTo
  const delivery = options.deliveries.find((one) => one.shard === shard && one.sink === holder.sink)
  if (delivery) await delivery.evict(wantedBytes)
  else await evictOrphan(holder.sink, shard, wantedBytes, options)
}

/** Nobody owns an orphan's reader: whoever finds the log nearly full takes it for as long as that takes. */
async function evictOrphan(sink: string, shard: string, wantedBytes: number, options: TendOptions): Promise<void> {
  const { buffer, owner, board, log } = options
  await using reader = await buffer.reader({ sink, shard, owner, startAt: 'oldest' })
  if (!reader) return
  const evicted = await evictOldest(reader, wantedBytes)
  if (evicted.records === 0) return
  board.evicted(sink, evicted.records)
  log('error', evictedSentence, { sink, shard, ...evicted })
}
