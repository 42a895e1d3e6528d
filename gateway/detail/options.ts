import * as z from 'zod'

const headerNames = z.array(z.string().min(1).toLowerCase())

/** What is recorded of a request beside its record’s usual fields. */
export const recordOptions = z
  .strictObject({
    headers: z
      .union([z.boolean(), headerNames])
      .default(true)
      .describe('Headers of requests and answers, or only those named; secrets are taken out'),
    bodies: z
      .union([z.boolean(), z.enum(['request', 'response'])])
      .default(false)
      .describe('Bodies that are JSON, forms, XML or text; secrets are taken out. Of other kinds only type and size'),
    maxBytes: z
      .int()
      .min(1)
      .max(262_144)
      .default(16_384)
      .describe('Bytes of each body that are recorded; the rest of it is left out'),
    until: z.iso
      .datetime({ offset: true, error: 'a time such as 2026-09-01T12:00:00Z' })
      .optional()
      .describe('When it ends, such as `2026-09-01T12:00:00Z`; default never'),
    never: z
      .boolean()
      .default(false)
      .describe('Nothing is recorded here, whoever else asks for it: for logins, payments and the like'),
  })
  .describe('Detailed recording: what of requests and answers stands in the `detail` of their records')

export const consumerRecordOptions = recordOptions
  .extend({
    keys: z
      .array(z.string().min(1))
      .default([])
      .describe('Ids of the consumer’s keys that it is for; default all of them'),
  })
  .describe('Detailed recording of this consumer’s requests, beside what their routes ask for')

export type RecordOptions = z.output<typeof recordOptions>
export type ConsumerRecordOptions = z.output<typeof consumerRecordOptions>
