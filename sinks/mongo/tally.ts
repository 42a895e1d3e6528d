import { hash } from 'node:crypto'
import type { RequestRecord } from '../../record/fields.ts'
import { isCounted, isFailed, type StatusClass, statusClass } from '../../record/outcome.ts'
import { addValue, type Sketch } from '../../record/sketch.ts'
import type { Block } from '../sink.ts'

/** What a usage document is about. */
interface UsageKey {
  readonly org: string
  /** Start of the hour. */
  readonly hour: Date
  readonly api: string
  readonly endpoint: string
  readonly consumer: string
}

/** What some records of one block add to one usage document. Every sum is weighted. */
export interface Usage extends UsageKey {
  readonly id: string
  calls: number
  counted: number
  failed: number
  bytesIn: number
  bytesOut: number
  totalUsSum: number
  totalUsMax: number
  readonly byStatus: Map<StatusClass, number>
  readonly totalUs: Sketch
}

const hourUs = 3_600_000_000

/** Identity of the usage document that a record belongs to. Each shard of each log has its own, so that a document has one writer and its places one order. */
export function usageId(log: string, shard: string, record: RequestRecord): string {
  return digest(log, shard, keyText(record))
}

/** Adds records up by the usage document that they belong to. */
export function tally(records: Iterable<RequestRecord>, { incarnation, shard }: Block): Usage[] {
  const usages = new Map<string, Usage>()
  for (const record of records) {
    const key = keyText(record)
    let usage = usages.get(key)
    if (!usage) {
      usage = emptyUsage(digest(incarnation, shard, key), record)
      usages.set(key, usage)
    }
    add(usage, record)
  }
  return [...usages.values()]
}

function keyText({ org, ts, api, endpoint, consumer }: RequestRecord): string {
  return JSON.stringify([org, Math.floor(ts / hourUs), api, endpoint, consumer])
}

function digest(log: string, shard: string, key: string): string {
  return hash('sha256', JSON.stringify([log, shard, key]), 'base64url').slice(0, 22) // 132 bits
}

function emptyUsage(id: string, { org, ts, api, endpoint, consumer }: RequestRecord): Usage {
  return {
    id,
    org,
    hour: new Date(Math.floor(ts / hourUs) * (hourUs / 1000)),
    api,
    endpoint,
    consumer,
    calls: 0,
    counted: 0,
    failed: 0,
    bytesIn: 0,
    bytesOut: 0,
    totalUsSum: 0,
    totalUsMax: 0,
    byStatus: new Map(),
    totalUs: new Map(),
  }
}

function add(usage: Usage, record: RequestRecord): void {
  const { weight, totalUs } = record
  const status = statusClass(record.status)
  usage.calls += weight
  if (isCounted(record)) usage.counted += weight
  if (isFailed(record)) usage.failed += weight
  usage.bytesIn += weight * record.bytesIn
  usage.bytesOut += weight * record.bytesOut
  usage.totalUsSum += weight * totalUs
  usage.totalUsMax = Math.max(usage.totalUsMax, totalUs)
  usage.byStatus.set(status, (usage.byStatus.get(status) ?? 0) + weight)
  addValue(usage.totalUs, totalUs, weight)
}
