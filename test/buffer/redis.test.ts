import { randomUUID } from 'node:crypto'
import { after, before } from 'node:test'
import { redisOptions } from '../../buffer/redis/options.ts'
import { openRedisBuffer } from '../../buffer/redis/redis.ts'
import { noLog } from '../../runtime/log.ts'
import { openRedis, type RedisServer } from '../services/redis.ts'
import { bufferContract } from './contract.ts'
import type { ScratchLog } from './scratch-log.ts'

let server: RedisServer
before(async () => {
  server = await openRedis()
})
after(() => server[Symbol.asyncDispose]())

async function makeLog({ maxBytes = 100_000_000 } = {}): Promise<ScratchLog> {
  const opened = new AsyncDisposableStack()
  const input = { urls: [server.url], prefix: randomUUID() }
  const options = { ...redisOptions.parse(input), maxBytes }
  return {
    open: async () => opened.use(await openRedisBuffer(options, { log: noLog })),
    address: { type: 'redis', options: input, dataDir: '' },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

bufferContract('redis', makeLog)
