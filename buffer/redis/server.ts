import type { Cluster, Redis } from 'ioredis'
import { ConfigError } from '../../runtime/check.ts'
import type { Connection } from './connection.ts'

/** What the servers behind a connection can do. */
export interface ServerFacts {
  /** Consumer groups can say how many entries were read. */
  readonly hasLag: boolean
  /** Least memory limit of any of them, bytes; undefined where none is set. */
  readonly maxMemoryBytes: number | undefined
}

/** 6.2: XTRIM by MINID. */
const oldest = [6, 2] as const

/** Asks every primary. Throws ConfigError where one is too old, or may lose keys that `allowVolatile` does not allow to lose. */
export async function checkServers(
  { client, ask }: Connection,
  { allowVolatile }: { readonly allowVolatile: boolean },
): Promise<ServerFacts> {
  const infos = await ask(() => Promise.all(primaries(client).map(async (node) => parseInfo(await node.info()))))
  for (const info of infos) {
    checkVersion(info)
    if (!allowVolatile) checkDurable(info)
  }
  const limits = infos.map((info) => Number(info.get('maxmemory'))).filter((bytes) => bytes > 0)
  return {
    hasLag: infos.every((info) => Number.parseInt(info.get('redis_version') ?? '', 10) >= 7),
    maxMemoryBytes: limits.length > 0 ? Math.min(...limits) : undefined,
  }
}

function primaries(client: Redis | Cluster): readonly Redis[] {
  return 'nodes' in client ? client.nodes('master') : [client]
}

function parseInfo(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([a-z_0-9]+):(.*)\r$/gm)].map(([, name, value]) => [name!, value!])) // both groups are in every match
}

function checkVersion(info: ReadonlyMap<string, string>): void {
  const version = info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new ConfigError(
      `Redis ${version} is too old for the redis buffer: it needs ${oldest.join('.')} or newer, or Valkey.`,
    )
}

function checkDurable(info: ReadonlyMap<string, string>): void {
  const unless = 'Or set allowVolatile where records may be lost.'
  const policy = info.get('maxmemory_policy')
  if (policy !== 'noeviction')
    throw new ConfigError(
      `Redis may evict records: its maxmemory-policy is ${policy}. Run "CONFIG SET maxmemory-policy noeviction" and put it into redis.conf. ${unless}`,
    )
  if (info.get('aof_enabled') !== '1')
    throw new ConfigError(
      `Redis forgets records when it restarts: appendonly is off. Run "CONFIG SET appendonly yes" and put it into redis.conf. ${unless}`,
    )
}
