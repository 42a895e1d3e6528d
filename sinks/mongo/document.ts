import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import type { Block } from '../sink.ts'

/** Where a record was when it was stored. */
export interface Place {
  /** Incarnation of the log. */
  readonly log: string
  readonly shard: string
  /** Place of the first record of the block that brought it. */
  readonly seq: number
}

/** A record as a document: every field under its name, but for the identity, which is `_id`. */
export interface RawDocument {
  readonly _id: string
  /** Start of the request, cut to milliseconds, which is all that a date holds. */
  readonly ts: Date
  /** Start of the request, Unix microseconds. */
  readonly tsUs: bigint
  readonly block: Place
  readonly [field: string]: unknown
}

/** How a field stands in a document, where not as it is. */
const forms: Partial<Record<FieldName, string>> = {
  id: '_id: r.id',
  ts: 'ts: new Date(r.ts / 1000), tsUs: BigInt(r.ts)',
  tags: 'tags: withStorableKeys(r.tags)',
  detail: 'detail: toDetail(r.detail)',
}

/** Whole numbers of 64 bits are so in MongoDB too, where small ones would be stored as 32 bits and large ones as fractions. */
function formOf(name: FieldName): string {
  return forms[name] ?? (fields[name].clickhouse === 'UInt64' ? `${name}: BigInt(r.${name})` : `${name}: r.${name}`)
}

// Built once from the declaration, as the codec of frames: an object literal of all fields is several times faster than a loop over names.
const build = new Function(
  'withStorableKeys',
  'toDetail',
  `return (r, block) => ({ ${fieldNames.map(formOf).join(', ')}, block })`,
)(withStorableKeys, toDetail) as (record: RequestRecord, block: Place) => RawDocument

/** The documents of a block's records. */
export function toDocuments(
  records: readonly RequestRecord[],
  { incarnation, shard, seq }: Pick<Block, 'incarnation' | 'shard' | 'seq'>,
): RawDocument[] {
  const block = { log: incarnation, shard, seq }
  return records.map((record) => build(record, block))
}

function toDetail(detail: RequestRecord['detail']): unknown {
  if (detail === null) return null
  const { requestHeaders, responseHeaders, ...rest } = detail
  return {
    ...(requestHeaders ? { requestHeaders: withStorableKeys(requestHeaders) } : {}),
    ...(responseHeaders ? { responseHeaders: withStorableKeys(responseHeaders) } : {}),
    ...rest,
  }
}

const unstorable = /[.$%\0]/
const eachUnstorable = /[.$%\0]/g

/** Names that MongoDB takes and queries can say: `.`, `$` and NUL stand as %2E, %24 and %00, and so that this can be undone, `%` as %25. */
function withStorableKeys(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const keys = Object.keys(map)
  if (!keys.some((key) => unstorable.test(key))) return map
  return Object.fromEntries(
    keys.map((key) => [key.replace(eachUnstorable, percentEncoded), map[key]!]), // one of its own keys
  )
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
