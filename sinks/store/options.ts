import * as z from 'zod'

const mib = 1024 * 1024

export const storeOptions = z.strictObject({
  dir: z
    .string()
    .min(1)
    .optional()
    .describe('Folder of the store, which belongs to it alone; default `store` in the data folder'),
  retentionDays: z
    .int()
    .min(1)
    .max(36_500)
    .default(90)
    .describe('How long records are kept, days from the hour that they were received in'),
  maxBytes: z
    .int()
    .min(64 * mib) // a block, a merge and the manifest must fit beside each other
    .default(10 * 1024 * mib) // about 150 million records
    .describe('What the folder may take on the disk, bytes; never passed: the oldest records are let go first'),
  memoryBytes: z
    .int()
    .min(64 * mib)
    .default(192 * mib) // the pump's 300 MB and this stay below 500 MB
    .describe('Memory that DuckDB may use for writing and for questions together, bytes'),
})

export type StoreOptions = Required<z.output<typeof storeOptions>>
