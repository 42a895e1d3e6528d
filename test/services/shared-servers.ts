import { openClickHouse } from './clickhouse.ts'
import { openKafka } from './kafka.ts'
import { openMongo } from './mongo.ts'
import { openRedis } from './redis.ts'

export interface SharedServer {
  /** Names a server that is already there. */
  variable: string
  /** What of `shared.ts` a test uses it through. */
  helper: string
  open(): Promise<AsyncDisposable & { readonly url: string }>
}

/**
 * Servers that tests share, each used through a helper of `shared.ts`. `scripts/test.ts` starts those that are used
 * and hands their addresses down in the environment; a test file that is run alone starts its own.
 */
export const sharedServers = {
  redis: {
    variable: 'PENSTOCK_TEST_REDIS_URL',
    helper: 'redisUrl',
    open: () => openRedis({ config: { databases: '4096' } }),
  },
  mongo: { variable: 'PENSTOCK_TEST_MONGO_URL', helper: 'mongoUrl', open: openMongo },
  clickhouse: { variable: 'PENSTOCK_TEST_CLICKHOUSE_URL', helper: 'clickhouseUrl', open: openClickHouse },
  kafka: { variable: 'PENSTOCK_TEST_KAFKA_BROKERS', helper: 'kafkaPlace', open: () => openKafka() },
} satisfies Record<string, SharedServer>
