import { openClickHouse } from './clickhouse.ts'
import { openMongo } from './mongo.ts'
import { openRedis } from './redis.ts'

export interface SharedServer {
  /** Names a server that is already there. */
  variable: string
  open(): Promise<AsyncDisposable & { readonly url: string }>
}

/**
 * Servers that tests share, each used through `<name>Url(t)` of `shared.ts`. `scripts/test.ts` starts those that are used
 * and hands their addresses down in the environment; a test file that is run alone starts its own.
 */
export const sharedServers = {
  redis: { variable: 'PENSTOCK_TEST_REDIS_URL', open: () => openRedis({ config: { databases: '4096' } }) },
  mongo: { variable: 'PENSTOCK_TEST_MONGO_URL', open: openMongo },
  clickhouse: { variable: 'PENSTOCK_TEST_CLICKHOUSE_URL', open: openClickHouse },
} satisfies Record<string, SharedServer>
