import * as z from 'zod'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import { isFailed, statusClass } from '../../record/outcome.ts'
import { didYouMean } from '../../runtime/suggest.ts'

/** What a record says of itself without a field of its own. */
const derived = {
  statusClass: (record: RequestRecord) => statusClass(record.status),
  failed: (record: RequestRecord) => String(isFailed(record)),
} satisfies Record<string, (record: RequestRecord) => string>

const timesAndSizes = ['totalUs', 'gatewayUs', 'upstreamUs', 'bytesIn', 'bytesOut'] as const satisfies FieldName[]

/** Fields that would make a series of nearly every request. */
const notLabels: ReadonlySet<string> = new Set<FieldName>([
  ...timesAndSizes,
  'id',
  'weight',
  'ts',
  'path',
  'traceId',
  'spanId',
  'detail',
  'tags',
])

const labelFields = [...fieldNames.filter((name) => !notLabels.has(name)), ...Object.keys(derived)]
const valueFields = [...timesAndSizes, 'tries'] as const satisfies FieldName[]

/** Names that are ours, prom-client's, or made of another metric's name. */
const reservedName = /^(?:penstock|process|nodejs)_|_(?:bucket|sum|count|created|info)$/

const equals = z.union([z.string(), z.number(), z.boolean()])

/** A metric of the user's own. */
export const declarationType = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z_][a-z0-9_]*$/, 'A name has lower-case letters, digits and underscores.')
      .describe('Name of the metric, with its unit; a counter ends with `_total`'),
    type: z.enum(['counter', 'histogram']).describe('`counter` adds up, `histogram` sorts into buckets'),
    help: z.string().min(1).describe('What it says, for whoever finds it in Grafana'),
    value: z
      .string()
      .optional()
      .describe(
        'What is added or sorted: `totalUs`, `gatewayUs` or `upstreamUs` (shown in seconds), `bytesIn`, `bytesOut`, `tries`, or `tags.<name>` where it is a number. A counter without it counts requests',
      ),
    labels: z
      .array(z.string())
      .max(10)
      .default([])
      .describe('Fields of the record, `statusClass`, `failed`, or `tags.<name>`'),
    buckets: z
      .array(z.number())
      .min(1)
      .max(50)
      .optional()
      .describe('Upper bounds of a histogram, in seconds for times; needed for a histogram'),
    where: z
      .record(z.string(), z.union([equals, z.array(equals).min(1)]))
      .default({})
      .describe('Counts only requests whose fields have this value, or one of these'),
    allowPersonal: z
      .boolean()
      .default(false)
      .describe('Lets labels say something about a person: consumer, clientIp, userAgent, referer'),
  })
  .superRefine((declaration, context) => {
    for (const [path, message] of faults(declaration)) context.addIssue({ code: 'custom', path: [...path], message })
  })

export type Declaration = z.output<typeof declarationType>

type Fault = readonly [path: readonly (string | number)[], message: string]

function* faults({ name, type, value, labels, buckets, where, allowPersonal }: Declaration): Generator<Fault> {
  if (reservedName.test(name))
    yield [['name'], `"${name}" could be taken for a metric that is there already. Choose another name.`]
  if (type === 'counter' && !name.endsWith('_total')) yield [['name'], 'A counter’s name ends with `_total`.']
  if (type === 'histogram' && name.endsWith('_total')) yield [['name'], 'Only a counter’s name ends with `_total`.']
  if (type === 'histogram' && value === undefined) yield [['value'], 'A histogram needs a value, such as `totalUs`.']
  if (type === 'histogram' && !buckets) yield [['buckets'], 'A histogram needs buckets, such as [0.1, 0.3, 1].']
  if (type === 'counter' && buckets) yield [['buckets'], 'A counter has no buckets. Did you mean `type: histogram`?']
  if (value !== undefined && tagOf(value) === undefined && !isIn(valueFields, value))
    yield [
      ['value'],
      `"${value}" is no number of a record.${didYouMean(value, valueFields)} There are ${valueFields.join(', ')} and tags.<name>.`,
    ]
  for (const [i, label] of labels.entries()) {
    const fault = labelFault(label, allowPersonal)
    if (fault) yield [['labels', i], fault]
    if (labels.findIndex((one) => labelName(one) === labelName(label)) < i)
      yield [['labels', i], `"${label}" is there twice, as ${labelName(label)}.`]
  }
  for (const field of Object.keys(where)) {
    if (tagOf(field) === undefined && !isIn(fieldNames, field) && !(field in derived))
      yield [
        ['where', field],
        `A record has no field "${field}".${didYouMean(field, [...fieldNames, ...Object.keys(derived)])}`,
      ]
  }
}

function labelFault(label: string, allowPersonal: boolean): string | undefined {
  if (tagOf(label) !== undefined) return undefined
  if (notLabels.has(label))
    return `"${label}" would make a series of nearly every request. Choose a label with few values${label === 'path' ? ', such as endpoint' : ''}.`
  if (!labelFields.includes(label))
    return `A record has no field "${label}".${didYouMean(label, labelFields)} For a tag write "tags.${label}".`
  const isPersonal = isIn(fieldNames, label) && fields[label].personal
  if (isPersonal && !allowPersonal)
    return `"${label}" says something about a person. Set allowPersonal if it may stand in Prometheus.`
  return undefined
}

function isIn<T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name)
}

/** The tag that `tags.<name>` stands for. */
function tagOf(field: string): string | undefined {
  return field.startsWith('tags.') && field.length > 'tags.'.length ? field.slice('tags.'.length) : undefined
}

/** The label of a field, as Prometheus spells names: `apiVersion` is `api_version`, `tags.plan-name` is `tag_plan_name`. */
export function labelName(field: string): string {
  const tag = tagOf(field)
  if (tag !== undefined) return `tag_${tag.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** 128 characters: a longer value would make pages of metrics that nobody reads; what is cut alike is counted together. */
const maxLabelCharacters = 128

/** Reads a field as a label. */
export function labelReader(field: string): (record: RequestRecord) => string {
  const tag = tagOf(field)
  if (tag !== undefined) return ({ tags }) => (tags[tag] ?? '').slice(0, maxLabelCharacters)
  if (field in derived) return derived[field as keyof typeof derived] // by the condition
  const name = field as FieldName // the declaration was checked
  return (record) => String(record[name]).slice(0, maxLabelCharacters)
}

/** Reads the number that a metric is made of, in its stored unit; undefined where the record has none. */
export function valueReader(field: string | undefined): (record: RequestRecord) => number | undefined {
  if (field === undefined) return () => 1
  const tag = tagOf(field)
  if (tag !== undefined) return ({ tags }) => toNumber(tags[tag])
  if (field === 'upstreamUs') return ({ upstreamUs, tries }) => (tries > 0 || upstreamUs > 0 ? upstreamUs : undefined)
  const name = field as (typeof valueFields)[number] // the declaration was checked
  return (record) => record[name]
}

function toNumber(text: string | undefined): number | undefined {
  const number = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}

/** Stored units in a shown one: times are stored in microseconds and shown in seconds. */
export function scaleOf(field: string | undefined): number {
  return field?.endsWith('Us') && tagOf(field) === undefined ? 1_000_000 : 1
}

/** Whether a record is one that the metric counts. */
export function filterOf(where: Declaration['where']): ((record: RequestRecord) => boolean) | undefined {
  const conditions = Object.entries(where).map(([field, wanted]) => ({
    read: labelReader(field),
    wanted: new Set([wanted].flat().map(String)),
  }))
  if (conditions.length === 0) return undefined
  return (record) => conditions.every(({ read, wanted }) => wanted.has(read(record)))
}
