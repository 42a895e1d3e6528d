import { after, before } from 'node:test'
import { openRedis, type RedisServer } from '../services/redis.ts'
import { bufferContract } from './contract.ts'
import { scratchLogs } from './redis-log.ts'

let server: RedisServer
before(async () => {
  server = await openRedis()
})
after(() => server[Symbol.asyncDispose]())

bufferContract(
  'redis',
  scratchLogs(() => ({ urls: [server.url] })),
)
