import * as z from 'zod'

const collection = (name: string) =>
  z
    .string()
    .regex(/^(?!system\.)[^$\0]+$/, 'must be the name of a collection')
    .default(name)

export const mongoOptions = z.strictObject({
  url: z
    .string()
    .regex(
      /^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/,
      'must be the address of a server and a database, such as mongodb://localhost:27017/penstock',
    )
    .meta({ secret: true })
    .describe('Address of the server with user, password, database and what else MongoDB’s connection strings can say'),
  raw: z
    .strictObject({
      collection: collection('penstock_requests').describe('Collection of the records; made where there is none'),
      sizeBytes: z
        .int()
        .min(4096) // MongoDB caps at no less
        .default(1024 ** 3)
        .describe('Size at which the oldest records make room for new ones, bytes'),
      maxDocuments: z
        .int()
        .min(1)
        .optional()
        .describe('Number of records beyond which the oldest make room as well; by size alone where it is not given'),
    })
    .prefault({})
    .describe('The newest records, whole, in a capped collection'),
  usage: z
    .strictObject({
      collection: collection('penstock_usage').describe('Collection of the usage; made where there is none'),
      retentionDays: z.int().min(1).default(400).describe('How long usage is kept after its last record came, days'),
    })
    .prefault({})
    .describe('Usage per hour, API, endpoint and consumer'),
  chunkRecords: z
    .int()
    .min(1)
    .max(100_000) // what servers announce as maxWriteBatchSize
    .default(1000) // more save no time: a round trip is a small part of what so many writes take
    .describe('How many documents one command writes'),
  connectTimeoutMs: z
    .int()
    .min(100)
    .default(10_000)
    .describe('Longest search for a server that takes writes, milliseconds'),
  timeoutMs: z.int().min(100).default(30_000).describe('Longest wait for the answer to a command, milliseconds'),
})

export type MongoOptions = z.output<typeof mongoOptions>
