import { redisUrl } from '../services/shared.ts'
import { openLog } from './redis-log.ts'
import { shardsContract } from './shards-contract.ts'

shardsContract(async (t, shards) => await openLog(t, { urls: [await redisUrl(t)], shards }))
