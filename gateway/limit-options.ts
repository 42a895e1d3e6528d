import * as z from 'zod'

const duration = (defaultMs: number) => z.int().positive().default(defaultMs)

export const rateLimitOptions = z
  .strictObject({
    requests: z.int().positive().describe('How many requests'),
    per: z.enum(['second', 'minute', 'hour', 'day']).default('second').describe('Per how long'),
    burst: z
      .int()
      .positive()
      .optional()
      .describe('How many may come at once after a quiet time; default as many as `requests`'),
    by: z
      .enum(['consumer', 'everyone'])
      .default('consumer')
      .describe(
        'Whether each consumer has an allowance (each client address where there is no consumer), or all share one',
      ),
  })
  .describe('Requests beyond it are answered with 429 and do not count')

export type RateLimitOptions = z.output<typeof rateLimitOptions>

export const limitOptions = z.strictObject({
  headerBytes: z.int().min(1024).max(1_048_576).default(16_384).describe('Largest request head, bytes; beyond it 431'),
  bodyBytes: z.int().positive().default(10_485_760).describe('Largest request body, bytes; beyond it 413'),
  bodyBytesPerSecond: z
    .int()
    .positive()
    .default(500)
    .describe('Least pace of a request body once `timeouts.bodyMs` is over, bytes a second; below it 408'),
  concurrency: z
    .int()
    .positive()
    .default(10_000)
    .describe('Most requests and connections of WebSockets at once; beyond it 503'),
})

export const timeoutOptions = z.strictObject({
  headMs: duration(10_000).describe('A client’s time for the head of a request, milliseconds'),
  idleMs: duration(60_000).describe('Longest pause of a client within a body, milliseconds'),
  bodyMs: duration(60_000).describe(
    'A client’s time for a body, milliseconds, to which each `limits.bodyBytesPerSecond` that came adds a second; waiting for the upstream does not count',
  ),
  keepAliveMs: duration(65_000).describe('How long an idle connection of a client is kept, milliseconds'),
  tunnelIdleMs: duration(3_600_000).describe('Longest silence of a WebSocket, milliseconds'),
  shutdownMs: duration(20_000).describe('How long requests in flight may take to end at a shutdown, milliseconds'),
})
