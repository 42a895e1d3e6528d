import type { Buffer } from '../../buffer/buffer.ts'
import { deadLettersOf } from '../../buffer/dead-letters.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { type MinuteSum, minuteOf } from '../../record/minute-sum.ts'
import type { Holdings, MinuteRange } from '../../sinks/holdings.ts'
import { loggedRecords, settledOrdinal } from '../logged.ts'
import { isSame, type Sum } from './explain.ts'

/** A sink whose holdings answer. */
export interface Witness {
  readonly name: string
  readonly holdings: Holdings
  /** Whether the sink's rules keep the record from it. */
  readonly refuses: (record: RequestRecord) => boolean
  /** The first minute from which on its holdings can be complete. */
  readonly from: number
}

/** How often each id is held, by minute. */
export type HeldIds = ReadonlyMap<number, ReadonlyMap<string, number>>

export interface LoggedId {
  readonly shard: string
  readonly ordinal: number
  /** Sinks whose rules keep the record from them. */
  readonly refusedBy: ReadonlySet<string>
}

/** Everything there is to say about some minutes, as of one moment for those in which nothing moved. */
export interface Evidence {
  /** By sink, then by minute. */
  readonly held: ReadonlyMap<string, HeldIds>
  readonly delivered: ReadonlyMap<string, ReadonlyMap<number, Sum>>
  readonly logged: ReadonlyMap<number, ReadonlyMap<string, LoggedId>>
  /** Ids of the dead letters of each sink, and whether they are being delivered again. */
  readonly letters: ReadonlyMap<string, ReadonlyMap<string, { readonly isRetried: boolean }>>
  /** Whether the log's record was settled for a sink. */
  isSettled(sink: string, id: LoggedId): boolean
  /** Whether nothing was settled in the minute while the evidence was gathered. */
  isStill(sink: string, minute: number): boolean
}

const none: Sum = { records: 0, idSum: 0 }

/** The ledger is read before and behind everything else: where both agree, nothing of a minute was settled in between. */
export async function gather(
  buffer: Buffer,
  witnesses: readonly Witness[],
  minutes: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<Evidence> {
  const range = { from: Math.min(...minutes), to: Math.max(...minutes) + 1 }
  const delivered = await ledgers(buffer, witnesses, range)
  const held = new Map<string, HeldIds>()
  for (const { name, holdings } of witnesses) held.set(name, await heldIds(holdings, minutes, signal))
  const letters = new Map<string, ReadonlyMap<string, { readonly isRetried: boolean }>>()
  for (const { name } of witnesses) letters.set(name, await letterIds(buffer, name))
  const reports = await buffer.inspect()
  const settled = new Map(witnesses.map(({ name }) => [name, settledOrdinal(reports, name)]))
  const logged = await loggedIds(buffer, witnesses, minutes, signal)
  const behind = await ledgers(buffer, witnesses, range)
  return {
    held,
    delivered,
    logged,
    letters,
    isSettled: (sink, id) => id.ordinal <= (settled.get(sink)?.(id) ?? 0),
    isStill: (sink, minute) => isSame(delivered.get(sink)?.get(minute) ?? none, behind.get(sink)?.get(minute) ?? none),
  }
}

async function ledgers(buffer: Buffer, witnesses: readonly Witness[], range: MinuteRange) {
  const found = new Map<string, ReadonlyMap<number, Sum>>()
  for (const { name } of witnesses) found.set(name, byMinute(await buffer.minutes(name, range)))
  return found
}

export function byMinute(sums: readonly MinuteSum[]): Map<number, Sum> {
  return new Map(sums.map(({ minute, records, idSum }) => [minute, { records, idSum }]))
}

async function heldIds(holdings: Holdings, minutes: ReadonlySet<number>, signal: AbortSignal): Promise<HeldIds> {
  const found = new Map([...minutes].map((minute) => [minute, new Map<string, number>()]))
  for await (const { minute, id } of holdings.ids(minutes, signal)) {
    const ids = found.get(minute)
    ids?.set(id, (ids.get(id) ?? 0) + 1)
  }
  return found
}

/** An hour: a record is appended after its request began, but clocks differ. */
const skewMs = 3_600_000

async function loggedIds(
  buffer: Buffer,
  witnesses: readonly Witness[],
  minutes: ReadonlySet<number>,
  signal: AbortSignal,
) {
  const found = new Map([...minutes].map((minute) => [minute, new Map<string, LoggedId>()]))
  const sinceMs = Math.min(...minutes) * 60_000 - skewMs
  for await (const { shard, ordinal, record } of loggedRecords(buffer, { sinceMs, signal })) {
    const ids = found.get(minuteOf(record.ts))
    if (!ids) continue
    const refusedBy = new Set(witnesses.filter(({ refuses }) => refuses(record)).map(({ name }) => name))
    ids.set(record.id, { shard, ordinal, refusedBy })
  }
  return found
}

async function letterIds(buffer: Buffer, sink: string) {
  const ids = new Map<string, { readonly isRetried: boolean }>()
  for await (const { form, bytes, isRetried } of deadLettersOf(buffer, sink)) {
    const id = form === 'json' ? idOf(bytes) : undefined
    if (id !== undefined) ids.set(id, { isRetried })
  }
  return ids
}

function idOf(bytes: Uint8Array): string | undefined {
  try {
    const { id } = JSON.parse(Buffer.from(bytes).toString()) as { id?: string } // a record, as the pump wrote it
    return id
  } catch {
    return undefined // not readable: it names no record
  }
}
