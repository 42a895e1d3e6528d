import { hash } from 'node:crypto'
import * as z from 'zod'
import { type FieldName, fieldNames, type RequestRecord } from '../../record/fields.ts'
import { isFailed } from '../../record/outcome.ts'
import { HaltError } from '../../sinks/sink.ts'
import { capDetail } from './detail.ts'
import { blanks, type ShapeOptions, shapeOptions } from './options.ts'
import { type Mutable, needsKey, redactor } from './redact.ts'
import { firstMatch } from './rule.ts'
import { isSampled } from './sample.ts'

/** Which records a sink gets and what of them, ready to be applied. */
export interface Shape {
  /** What a seal keeps of it. */
  readonly json: string
  /** What keeps a record from the sink, by its path in the options; undefined where it goes there. */
  refusal(record: RequestRecord): string | undefined
  /** The record as the sink gets it; undefined where it does not. */
  apply(record: RequestRecord): RequestRecord | undefined
}

/** The rules of one sink: today's, and those that earlier blocks were sealed under. */
export interface Shapes {
  /** Undefined where the sink gets every record as it is. */
  readonly current: Shape | undefined
  /** What `json` of a seal says. Throws HaltError where this process cannot apply it: the block may be sent in no other form. */
  sealed(json: string): Shape | undefined
}

/** What a seal keeps where the sink gets every record as it is. */
export const everything = '{}'

const version = 1
const sealedType = shapeOptions.extend({ version: z.literal(version), hashKey: z.string().optional() })

/** Compiles a sink's rules. `hashKeys`: the first one hashes, the others are known from earlier. */
export function openShapes(options: ShapeOptions = {}, hashKeys: readonly string[] = []): Shapes {
  const sealed = (json: string) => (json === everything ? undefined : toSealedShape(json, hashKeys))
  if (Object.keys(options).length === 0) return { current: undefined, sealed }
  const [key] = hashKeys
  const named = needsKey(options.redact) && key !== undefined ? { hashKey: fingerprint(key) } : {}
  return { current: toShape(options, JSON.stringify({ version, ...named, ...options }), key), sealed }
}

function toSealedShape(json: string, hashKeys: readonly string[]): Shape {
  const what = 'A block was sealed under rules'
  const parsed = parse(json)
  const result = sealedType.safeParse(parsed)
  if (!result.success) {
    const theirs = z.looseObject({ version: z.number() }).safeParse(parsed).data?.version ?? version
    throw new HaltError(
      theirs === version
        ? `${what} that cannot be read: ${z.prettifyError(result.error)}. Run the Penstock that sealed it until it is delivered.`
        : `${what} of version ${theirs}, and this Penstock knows version ${version}: run the newer one until it is delivered.`,
    )
  }
  const { version: _, hashKey, ...options } = result.data
  const key = hashKeys.find((one) => fingerprint(one) === hashKey)
  if (hashKey !== undefined && key === undefined) {
    throw new HaltError(
      `${what} that hash with a key which the config no longer has (fingerprint ${hashKey}): give it as a further one of pump.hashKeys until the block is delivered.`,
    )
  }
  return toShape(options, json, key)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined // told as what cannot be read
  }
}

function toShape(options: ShapeOptions, json: string, key: string | undefined): Shape {
  const refusal = toRefusal(options)
  const change = toChange(options, key)
  return {
    json,
    refusal,
    apply: (record) => (refusal(record) === undefined ? change(record) : undefined),
  }
}

function toRefusal({ filter = {}, sample }: ShapeOptions): Shape['refusal'] {
  const { allow, block = [] } = filter
  const allowedBy = allow && firstMatch(allow)
  const blockedBy = firstMatch(block)
  const names = block.map((_, i) => `filter.block[${i}]`)
  const isKept = toIsKept(sample)
  return (record) => {
    const blocking = blockedBy(record)
    if (blocking >= 0) return names[blocking]
    if (allowedBy && allowedBy(record) < 0) return 'filter.allow'
    return sample && !isKept(record) && !isSampled(record.id, sample.oneIn) ? 'sample' : undefined
  }
}

/** Whether a record is kept whatever its id, and stands for itself alone. */
function toIsKept(sample: ShapeOptions['sample']): (record: RequestRecord) => boolean {
  const keptBy = firstMatch(sample?.keep ?? [])
  return (record) => isFailed(record) || keptBy(record) >= 0
}

function toChange({ fields, omit, sample, redact, detailMaxBytes }: ShapeOptions, key: string | undefined) {
  const isKept = toIsKept(sample)
  const blank = toBlank(fields, omit)
  const hide = redact && redactor(redact, key)
  if (!sample && !hide && detailMaxBytes === undefined && Object.keys(blank).length === 0)
    return (record: RequestRecord) => record
  return (record: RequestRecord): RequestRecord => {
    const shaped: Mutable = { ...record, ...blank }
    // A team that only repeats its consumer's name says it just as well.
    if (blank.consumer !== undefined && record.team === record.consumer) shaped.team = ''
    if (sample && !isKept(record)) shaped.weight *= sample.oneIn
    hide?.(shaped)
    if (detailMaxBytes !== undefined && shaped.detail) shaped.detail = capDetail(shaped.detail, detailMaxBytes)
    return shaped
  }
}

/** What every record gets in the place of the fields that the sink does not. */
function toBlank(allowed: readonly FieldName[] = fieldNames, omitted: readonly FieldName[] = []) {
  const blank: Partial<Mutable> = { ...blanks }
  for (const name of allowed) if (!omitted.includes(name)) delete blank[name]
  return blank
}

/** Tells keys apart without giving one away. */
function fingerprint(key: string): string {
  return hash('sha256', `penstock hash key\n${key}`).slice(0, 12)
}
