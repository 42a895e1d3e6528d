import type { Ledger, ProducerReport, ShardReport } from '../ledger.ts'
import { type Reply, toEntries, toList, toNumber, toText } from './script.ts'
import type { Shard } from './shard.ts'

/** One shard as of one moment. */
export async function inspect(shard: Shard, maxBytes: number): Promise<ShardReport> {
  const [, cumulative, bytes, end, producers, readers, unread] = await shard.run('inspect', [])
  return {
    shard: shard.name,
    ledgers: toLedgers(grouped(readers), unread, { cumulative: toNumber(cumulative), end: toNumber(end) }),
    producers: toProducers(grouped(producers)),
    bytes: toNumber(bytes),
    maxBytes,
    cumulative: toNumber(cumulative),
  }
}

type Fields = ReadonlyMap<string, string>

/** Fields named `what:whom`, by whom; a name may hold colons of its own. */
function grouped(hash: Reply | undefined): Map<string, Fields> {
  const groups = new Map<string, Map<string, string>>()
  for (const [field, value] of toEntries(hash)) {
    const colon = field.indexOf(':')
    if (colon < 0) continue
    const whom = field.slice(colon + 1)
    const fields = groups.get(whom) ?? new Map<string, string>()
    groups.set(whom, fields.set(field.slice(0, colon), value.toString()))
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const numberIn = (fields: Fields, name: string) => Number(fields.get(name) ?? 0)

/** `appended` is what the log counted at its appends; the backlog lies between the first frame not passed and the last, as they are there. */
function toLedgers(
  readers: ReadonlyMap<string, Fields>,
  unread: Reply | undefined,
  log: { readonly cumulative: number; readonly end: number },
): Ledger[] {
  const first = new Map(
    toList(unread).map((entry) => {
      const [sink, offset, atMs] = toList(entry)
      return [toText(sink), { offset: toNumber(offset), atMs: toNumber(atMs) }]
    }),
  )
  return [...readers].map(([sink, fields]) => {
    const next = first.get(sink)
    const cursor = numberIn(fields, 'offset') + numberIn(fields, 'index')
    return {
      sink,
      appended: log.cumulative - numberIn(fields, 'started'),
      delivered: numberIn(fields, 'delivered'),
      filtered: numberIn(fields, 'filtered'),
      deadLettered: numberIn(fields, 'deadLettered'),
      deadLettersHeld: numberIn(fields, 'deadLettered') - numberIn(fields, 'dropped'),
      evicted: numberIn(fields, 'evicted'),
      backlog: next ? log.end - Math.max(cursor, next.offset) : 0,
      oldestAtMs: next?.atMs,
    }
  })
}

function toProducers(producers: ReadonlyMap<string, Fields>): ProducerReport[] {
  return [...producers].map(([key, fields]) => {
    const slash = key.lastIndexOf('/')
    return {
      producer: key.slice(0, slash),
      boot: Number(key.slice(slash + 1)),
      nextSeq: numberIn(fields, 'next'),
      appended: numberIn(fields, 'appended'),
      skipped: numberIn(fields, 'skipped'),
    }
  })
}
