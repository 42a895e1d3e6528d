import { after, before } from 'node:test'
import { bufferContract } from '../buffer/contract.ts'
import { scratchLogs } from '../buffer/redis-log.ts'
import { openRedisCluster, type RedisCluster } from '../services/redis-cluster.ts'

let cluster: RedisCluster
before(async () => {
  cluster = await openRedisCluster()
})
after(() => cluster[Symbol.asyncDispose]())

bufferContract(
  'redis in a Cluster',
  scratchLogs(() => ({ urls: cluster.nodes.map(({ url }) => url), cluster: true })),
)
