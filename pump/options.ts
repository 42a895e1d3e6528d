import * as z from 'zod'
import { listenType } from '../runtime/listen.ts'
import { shapeOptions } from './shape/options.ts'

/** The pump's own settings. */
export const pumpOptions = z.strictObject({
  admin: listenType(8082).prefault({}).describe('Where /healthz, /readyz and /metrics are served'),
  cacheBytes: z
    .int()
    .positive()
    .default(8 * 1024 * 1024) // 8 MiB of frames are about 30,000 records: seconds of live traffic, 40 MB decoded
    .describe('Frames kept decoded, in bytes as they stand in the log, so that sinks that read together decode once'),
  inFlightBytes: z
    .int()
    .positive()
    .default(32 * 1024 * 1024) // 32 MiB decode to about 130 MB, which leaves a pump of 300 MB its own code and drivers
    .describe(
      'Blocks cut and not settled, in bytes as they stand in the log, shared evenly among all sinks and shards',
    ),
  haltedRetryMs: z
    .int()
    .positive()
    .default(30_000) // often enough that a mended sink goes on before anybody wonders, rare enough not to fill a log
    .describe('How often a halted sink is tried again, milliseconds'),
  keepMs: z
    .int()
    .nonnegative()
    .default(0)
    .describe(
      'How long records that every sink has passed stay in the log, so that they can be sent again; only while the log is less than half full. Milliseconds',
    ),
  graceMs: z
    .int()
    .nonnegative()
    .default(5000)
    .describe('How long blocks on their way may take to settle when the pump stops, milliseconds'),
  hashKeys: z
    .array(z.string().min(16, 'a key of at least 16 characters, or hashes are undone by guessing it'))
    .default([])
    .meta({ secret: true })
    .describe(
      'Keys of the hashes that stand for redacted values: the first one hashes; former ones stay until what was sealed with them is delivered',
    ),
})

export type PumpSettings = z.output<typeof pumpOptions>

/** What every sink can be told besides its own options. */
export const deliveryOptions = z.strictObject({
  block: z
    .strictObject({
      maxRecords: z
        .int()
        .positive()
        .optional()
        .describe('Records at which a block is cut; default as the sink advises'),
      maxBytes: z
        .int()
        .positive()
        .optional()
        .describe('Bytes, as they stand in the log, at which a block is cut; default as the sink advises'),
      maxAgeMs: z
        .int()
        .nonnegative()
        .optional()
        .describe('Longest that a record waits for its block to fill, milliseconds; default as the sink advises'),
    })
    .prefault({})
    .describe('How blocks are cut for this sink'),
  writeTimeoutMs: z
    .int()
    .min(100)
    .default(100_000) // beyond what the sinks themselves wait for an answer, below the 120 s after which a loop counts as stuck
    .describe('Longest that the write of a block may take, milliseconds; then it is aborted, and the block sent again'),
  shape: shapeOptions.prefault({}).describe('Which records the sink gets, and what of them; default all, whole'),
  startAt: z
    .union([
      z.enum(['oldest', 'now']),
      z.iso.datetime({ offset: true, error: 'say oldest, now, or a time such as 2026-01-31T08:00:00Z' }),
    ])
    .default('oldest')
    .describe(
      'Where the sink begins when the log has never seen it: with the oldest record, with those to come, or with what the log took from a time on, such as `2026-01-31T08:00:00Z`',
    ),
  hold: z
    .enum(['evict', 'forever'])
    .default('evict')
    .describe(
      'What happens when the buffer is 95 % full because of this sink: `evict` gives up its oldest records, for it alone and counted; `forever` keeps them, and when the buffer is full no sink gets anything new',
    ),
  maxDeadLetters: z
    .int()
    .positive()
    .default(100_000) // some 100 MB; a sink that refuses more does not suffer from single records
    .describe(
      'Dead letters on a shard at which the sink halts, until some are retried or dropped; it may end up a block beyond',
    ),
})
