import * as z from 'zod'
import { tlsOptions } from '../tls-options.ts'

const address = z.url({ protocol: /^rediss?$/, error: 'must be an address such as redis://localhost:6379' })

export const redisOptions = z
  .strictObject({
    urls: z
      .array(address.meta({ secret: true }))
      .min(1)
      .default(['redis://127.0.0.1:6379'])
      .describe(
        'Address of the server, with the number of a database where it is not 0; rediss:// speaks TLS. Of a Cluster some nodes, with a Sentinel group the Sentinels. A user and password may stand in it',
      ),
    username: z
      .string()
      .min(1)
      .optional()
      .describe('ACL user; that of the address, or the default user, where it is not given'),
    password: z.string().min(1).optional().meta({ secret: true }).describe('Password of the user'),
    cluster: z.boolean().default(false).describe('Whether the server is a Redis Cluster'),
    sentinel: z
      .strictObject({
        master: z.string().min(1).describe('Name of the group that the Sentinels watch'),
        username: z.string().min(1).optional().describe('ACL user of the Sentinels'),
        password: z.string().min(1).optional().meta({ secret: true }).describe('Password of the Sentinels'),
      })
      .optional()
      .describe('The primary is asked for from Sentinels'),
    tls: tlsOptions.optional().describe('TLS, also where an address does not say rediss://'),
    prefix: z
      .string()
      .regex(/^[^{}]+$/, 'must not hold braces')
      .default('penstock')
      .describe('What the names of all keys begin with, in braces with the number of the shard'),
    shards: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe(
        'Streams that producers are spread over; more of them spread a Cluster’s load. It can grow, not shrink',
      ),
    maxBytes: z
      .int()
      .min(1024 * 1024)
      .optional()
      .describe(
        'Most bytes of records held in all shards; beyond, new ones are refused and wait where they were made. Nine tenths of Redis’ maxmemory where it is not given, 2 GiB where that is not set either',
      ),
    commandTimeoutMs: z
      .int()
      .min(100)
      .default(3000)
      .describe('How long an answer may take before it counts as none, ms'),
    waitReplicas: z
      .int()
      .min(0)
      .default(0)
      .describe('Replicas that must have an append or a seal before it counts, so that a fail-over loses none'),
    waitTimeoutMs: z.int().min(1).default(1000).describe('How long to wait for the replicas, ms'),
    allowVolatile: z
      .boolean()
      .default(false)
      .describe('Start although Redis may evict keys or keeps nothing over a restart: records can then be lost'),
  })
  .refine(({ cluster, sentinel }) => !(cluster && sentinel), 'cluster and sentinel exclude each other')

export type RedisBufferOptions = z.output<typeof redisOptions>
