import { defineBuffer } from '../define.ts'
import { diagnoseRedis } from './diagnose.ts'
import { redisOptions } from './options.ts'
import { openRedisBuffer } from './redis.ts'

export default defineBuffer({
  summary: 'Keeps records in Redis or Valkey, for any number of gateways and pumps',
  options: redisOptions,
  open: openRedisBuffer,
  diagnose: (options) => diagnoseRedis(options),
})
