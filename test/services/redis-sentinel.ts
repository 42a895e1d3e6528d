import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { installed } from './provision.ts'
import type { RedisServer } from './redis.ts'
import { openServer, type Server } from './server.ts'

/** Name of the group that the Sentinel watches. */
export const sentinelGroup = 'main'

/** Starts one Sentinel, which decides by itself, over a primary that has a replica. Ready means that it knows both. */
export async function openRedisSentinel(primary: RedisServer): Promise<Server> {
  await installed({ name: 'redis-server', files: ['/usr/bin/redis-server'] })
  return await openServer({
    name: 'redis-sentinel',
    async command({ port, folder }) {
      const file = join(folder, 'sentinel.conf')
      if (!existsSync(file)) await writeFile(file, sentinelConf(port, primary.port)) // kept over restarts, with what it wrote itself
      return { file: '/usr/bin/redis-server', args: [file, '--sentinel'] }
    },
    isReady: ({ port }) => knowsReplica(port),
  })
}

function sentinelConf(port: number, primaryPort: number): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `sentinel monitor ${sentinelGroup} 127.0.0.1 ${primaryPort} 1`,
    `sentinel down-after-milliseconds ${sentinelGroup} 500`,
    `sentinel failover-timeout ${sentinelGroup} 5000`,
    '',
  ].join('\n')
}

async function knowsReplica(port: number): Promise<boolean> {
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1000 })
  client.on('error', () => {}) // `connect` throws the same
  try {
    await client.connect()
    const facts = (await client.call('SENTINEL', 'MASTER', sentinelGroup)) as string[]
    return facts[facts.indexOf('num-slaves') + 1] === '1'
  } finally {
    client.disconnect()
  }
}
