import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Redis } from 'ioredis'
import type { z } from 'zod'
import { redisOptions } from '../../buffer/redis/options.ts'
import { openRedisBuffer } from '../../buffer/redis/redis.ts'
import { type Log, noLog } from '../../runtime/log.ts'

export type RedisInput = z.input<typeof redisOptions>

/** Opens a log for the length of a test; by default one that is new. */
export async function openLog(t: TestContext, input: RedisInput, log: Log = noLog) {
  const buffer = await openRedisBuffer(redisOptions.parse({ prefix: randomUUID(), ...input }), { log })
  t.after(() => buffer[Symbol.asyncDispose]())
  return buffer
}

/** A client beside the log, to look and to meddle. */
export function openClient(t: TestContext, url: string): Redis {
  const client = new Redis(url)
  client.on('error', () => {}) // commands reject with the same
  t.after(() => client.disconnect())
  return client
}

/** What a method was told, in order. */
export function recordLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  return { log: (_, sentence) => void lines.push(sentence), lines }
}
