import * as z from 'zod'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import { didYouMean } from '../../runtime/suggest.ts'
import { redactOptions } from './redact.ts'
import { ruleOptions } from './rule.ts'

/** Fields without which a record could be neither told from others, nor placed in time, nor counted rightly. */
export const lastingFields = ['id', 'weight', 'ts', 'org', 'method', 'status', 'outcome'] as const

const removable = fieldNames.filter((name) => !lastingFields.some((lasting) => lasting === name))

const anyField = z.enum(fieldNames, { error: ({ input }) => noSuchField(input, fieldNames) })
const removableField = z.enum(removable, {
  error: ({ input }) =>
    lastingFields.some((name) => name === input)
      ? `a record is nothing without "${input}"; what stays always: ${lastingFields.join(', ')}`
      : noSuchField(input, removable),
})

function noSuchField(input: unknown, candidates: readonly FieldName[]): string {
  return `a record has no field "${input}".${didYouMean(String(input), candidates)}`
}

const rules = z.array(ruleOptions).min(1)

/** Which records a sink gets, and what of them. */
export const shapeOptions = z.strictObject({
  filter: z
    .strictObject({
      allow: rules.optional().describe('Only records that match one of these rules go to the sink; default all'),
      block: rules
        .optional()
        .describe('Records that match one of these rules do not, also where one of `allow` matches'),
    })
    .optional()
    .describe('Which records the sink gets. A rule matches where all that it names does; values may have `*` in them'),
  sample: z
    .strictObject({
      oneIn: z
        .int()
        .min(1)
        .max(1_000_000)
        .describe('Of this many records one is kept, and its weight is multiplied by it. Failed records are all kept'),
      keep: rules.optional().describe('Further records that are all kept'),
    })
    .optional()
    .describe('Sends a part of the records that stands for all of them. Which ones follows from their ids'),
  fields: z
    .array(anyField)
    .min(1)
    .optional()
    .describe(`Fields that the sink gets, besides ${lastingFields.join(', ')}; default all`),
  omit: z.array(removableField).min(1).optional().describe('Fields that the sink does not get'),
  redact: redactOptions
    .optional()
    .describe(
      'What is replaced, by its path: a text field, `tags.NAME`, `detail.headers.NAME`, `detail.body.NAME`; by `mark`, or by `hash` with the first of `pump.hashKeys`',
    ),
  detailMaxBytes: z
    .int()
    .nonnegative()
    .optional()
    .describe('What recorded headers and bodies may take together, bytes; more is cut and named in `truncated`'),
})

export type ShapeOptions = z.output<typeof shapeOptions>

/** What stands in the place of a field that a sink does not get: the value of its type that says nothing. */
export const blanks: Readonly<Partial<RequestRecord>> = Object.fromEntries(
  removable.map((name) => [name, [null, '', 0, {}].find((blank) => fields[name].type.safeParse(blank).success)]),
)
