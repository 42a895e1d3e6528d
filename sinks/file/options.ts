import * as z from 'zod'
import { fieldNames } from '../../record/fields.ts'
import { didYouMean } from '../../runtime/suggest.ts'

const fieldName = z.enum(fieldNames, {
  error: ({ input }) => `A record has no field "${input}".${didYouMean(String(input), fieldNames)}`,
})

export const fileOptions = z.strictObject({
  folder: z.string().min(1).optional().describe('Folder that the files go to; default `files` in the data folder'),
  prefix: z
    .string()
    .regex(/^[\w-]+$/, 'A prefix has letters, digits, underscores and hyphens.')
    .default('requests')
    .describe('How the name of every file begins; the shard, its first record’s time and its place in the log follow'),
  format: z.enum(['jsonl', 'csv']).default('jsonl').describe('A JSON object a line, or CSV by RFC 4180 with a header'),
  fields: z.array(fieldName).min(1).optional().describe('Fields of the record to write, in this order; default all'),
  guardFormulas: z
    .boolean()
    .default(false)
    .describe(
      'In CSV, puts an apostrophe before text that a spreadsheet would take for a formula; changes what is read back',
    ),
  rotate: z
    .strictObject({
      bytes: z
        .int()
        .positive()
        .default(128 * 1024 * 1024)
        .describe('A file that has grown to this size gets no further block'),
      hours: z.number().positive().default(24).describe('A file that was begun this long ago gets no further block'),
    })
    .prefault({})
    .describe('When a new file is begun'),
  keep: z
    .strictObject({
      files: z.int().positive().optional().describe('Complete files kept for each shard; default all'),
      days: z.number().positive().optional().describe('How long complete files are kept; default for ever'),
    })
    .prefault({})
    .describe('Which complete files stay. Without a limit none is ever removed'),
  gzip: z.boolean().default(false).describe('Compresses complete files'),
  fsync: z
    .boolean()
    .default(true)
    .describe('Waits for the disk with every block, so that a power cut loses nothing that is delivered'),
})

export type FileOptions = z.output<typeof fileOptions>
