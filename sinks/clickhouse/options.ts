import * as z from 'zod'
import { httpAddress, tlsOption } from '../http.ts'

const days = z.int().min(1)

export const clickhouseOptions = z.strictObject({
  url: httpAddress('http://localhost:8123').describe(
    'HTTP(S) address of the server, with a path where a proxy needs one',
  ),
  database: z.string().min(1).default('default').describe('Database of the tables; it must exist'),
  username: z.string().min(1).default('default').describe('User who inserts'),
  password: z.string().default('').meta({ secret: true }).describe('Password of the user'),
  prefix: z
    .string()
    .regex(/^([A-Za-z_]\w*)?$/, 'must be letters, digits and underscores, a letter first')
    .default('penstock_')
    .describe('What the names of all tables begin with'),
  migrate: z
    .boolean()
    .default(true)
    .describe('Create and change the tables at the first write; otherwise the operator does it'),
  retentionDays: days.default(30).describe('How long records are kept after their receipt, days'),
  minuteRetentionDays: days.default(30).describe('How long usage per minute is kept, days'),
  hourRetentionDays: days.default(400).describe('How long usage per hour is kept, days'),
  dedupe: z
    .strictObject({
      inserts: z
        .int()
        .min(100)
        .default(20_000) // 5 inserts a second for an hour
        .describe('How many inserts the server remembers: at least twice as many as come in `seconds`'),
      seconds: z
        .int()
        .min(60)
        .default(3600) // what a replicated table has by default in recent servers
        .describe(
          'How long the server remembers an insert, seconds; a block that is sent again later than half of it is looked up first',
        ),
    })
    .prefault({})
    .describe('How a block that is sent twice is recognised'),
  tls: tlsOption
    .optional()
    .describe('For an https url whose certificate the system does not trust, or for a certificate of our own'),
  timeoutMs: z.int().min(100).default(30_000).describe('Longest silence of the server in an insert, milliseconds'),
  compression: z.enum(['zstd', 'gzip', 'none']).default('zstd').describe('How inserts are compressed on the wire'),
  settings: z
    .record(z.string().regex(/^\w+$/), z.union([z.string(), z.number()]))
    .default({})
    .describe('Further ClickHouse settings for every statement, such as insert_quorum'),
})

export type ClickHouseOptions = z.output<typeof clickhouseOptions>
