import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Redis } from 'ioredis'
import type { z } from 'zod'
import { redisOptions } from '../../buffer/redis/options.ts'
import { openRedisBuffer } from '../../buffer/redis/redis.ts'
import { type Log, noLog } from '../../runtime/log.ts'
import type { MakeLog } from './scratch-log.ts'

export type RedisInput = z.input<typeof redisOptions>

/** Opens a log for the length of a test; by default one that is new. */
export async function openLog(t: TestContext, input: RedisInput, log: Log = noLog) {
  const buffer = await openRedisBuffer(redisOptions.parse({ prefix: randomUUID(), ...input }), { log })
  t.after(() => buffer[Symbol.asyncDispose]())
  return buffer
}

/** Makes logs under names of their own in one Redis. */
export function scratchLogs(place: () => RedisInput): MakeLog {
  return async ({ maxBytes = 100_000_000 } = {}) => {
    const opened = new AsyncDisposableStack()
    const input = { ...place(), prefix: randomUUID() }
    const options = { ...redisOptions.parse(input), maxBytes } // less than an operator may ask for
    return {
      open: async () => opened.use(await openRedisBuffer(options, { log: noLog })),
      address: { type: 'redis', options: input, dataDir: '' },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    }
  }
}

/** A client beside the log, to look and to meddle. */
export function openClient(t: TestContext, url: string): Redis {
  const client = new Redis(url)
  client.on('error', () => {}) // commands reject with the same
  t.after(() => client.disconnect())
  return client
}

/** The sentences that were logged, in order. */
export function recordLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  return { log: (_, sentence) => void lines.push(sentence), lines }
}
