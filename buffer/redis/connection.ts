import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import { backoff } from '../../runtime/backoff.ts'
import { ConfigError } from '../../runtime/check.ts'
import { isRefusal, isReplica, toBufferError } from './failure.ts'
import type { RedisBufferOptions } from './options.ts'

/** Hashes come as lists of names and values in turn. */
interface Replies {
  readonly replyMapping: 'legacy'
}

/** How the client is made: of which class of ioredis, with which options. */
export type ClientRecipe =
  | { readonly kind: 'single'; readonly options: RedisOptions & Replies }
  | {
      readonly kind: 'cluster'
      readonly nodes: readonly { readonly host: string; readonly port: number }[]
      readonly options: ClusterOptions & { readonly redisOptions: RedisOptions & Replies }
    }

/** A connection that makes itself anew when it breaks. */
export interface Connection extends AsyncDisposable {
  readonly client: Redis | Cluster
  /** Runs a command; throws what the caller should do next. */
  ask<T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T>
}

/** Connects. Throws BufferUnavailableError where nobody answers, ConfigError where Redis refuses the user. */
export async function openConnection(options: RedisBufferOptions): Promise<Connection> {
  const recipe = toRecipe(options)
  const { Redis, Cluster } = await import('ioredis')
  const client: Redis | Cluster =
    recipe.kind === 'single' ? new Redis(recipe.options) : new Cluster([...recipe.nodes], recipe.options)
  let lastFailure: Error | undefined
  client.on('error', (error: Error) => {
    lastFailure = error
  })
  client.on('ready', () => {
    lastFailure = undefined
  })
  try {
    await within(options.commandTimeoutMs, client.connect())
  } catch (error) {
    client.disconnect()
    const failure = lastFailure ?? error
    if (isRefusal(failure))
      throw new ConfigError(`Redis refuses the user: ${failure.message}. Set username and password.`, {
        cause: failure,
      })
    throw toBufferError(error, lastFailure)
  }
  return {
    client,
    async ask(command) {
      try {
        return await within(options.commandTimeoutMs, command(client))
      } catch (error) {
        throw toBufferError(error, isReply(error) ? undefined : lastFailure)
      }
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
    },
  }
}

/** Throws where no answer comes in time: ioredis would wait for ever for a Cluster or for Sentinels. The command may still be carried out. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${ms} ms`)), ms)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

const isReply = (error: unknown) => error instanceof Error && error.name === 'ReplyError'

/** Decides by the options alone, so that it can be tested without servers. */
export function toRecipe(options: RedisBufferOptions): ClientRecipe {
  const addresses = options.urls.map((url) => new URL(url))
  const [first] = addresses
  if (!first) throw new ConfigError('The redis buffer needs an address in urls.')
  const nodes = addresses.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (options.sentinel ? 26_379 : 6379),
  }))
  const common = commonOptions(options, first)
  if (options.cluster)
    return {
      kind: 'cluster',
      nodes,
      options: {
        lazyConnect: true,
        clusterRetryStrategy: retryAfterMs,
        enableOfflineQueue: false, // it would keep what waits for as long as the cluster is down
        slotsRefreshTimeout: options.commandTimeoutMs,
        redisOptions: common,
      },
    }
  const single = { ...common, lazyConnect: true, db: Number(first.pathname.slice(1)) || 0, retryStrategy: retryAfterMs }
  if (!options.sentinel) return { kind: 'single', options: { ...single, ...nodes[0] } }
  const { master, username, password } = options.sentinel
  return {
    kind: 'single',
    options: {
      ...single,
      sentinels: nodes,
      name: master,
      sentinelRetryStrategy: retryAfterMs,
      ...(username === undefined ? {} : { sentinelUsername: username }),
      ...(password === undefined ? {} : { sentinelPassword: password }),
      ...(common.tls ? { sentinelTLS: common.tls, enableTLSForSentinelMode: true } : {}),
    },
  }
}

function commonOptions(options: RedisBufferOptions, first: URL) {
  const username = options.username ?? decodeURIComponent(first.username)
  const password = options.password ?? decodeURIComponent(first.password)
  const tls = options.tls ?? (first.protocol === 'rediss:' ? {} : undefined)
  return {
    connectionName: 'penstock',
    replyMapping: 'legacy' as const,
    connectTimeout: options.commandTimeoutMs,
    socketTimeout: options.commandTimeoutMs, // also lets go of what waits on a connection whose other end is gone
    maxRetriesPerRequest: 1, // a connection that was just lost is tried once more; beyond, the caller decides how long to wait
    reconnectOnError: isReplica,
    ...(username && username !== 'default' ? { username } : {}),
    ...(password ? { password } : {}),
    ...(tls ? { tls: definedOnly(tls) } : {}),
  }
}

function definedOnly<T extends object>(options: T) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function retryAfterMs(times: number): number {
  return backoff(times, { baseMs: 50, maxMs: 2000 })
}
