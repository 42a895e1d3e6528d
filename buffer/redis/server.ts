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

/** 0.9: what the log's own frame numbers, seals and states take beside the records, and what settles need when appends are refused. */
export const shareOfMemory = 0.9
/** 2 GiB, as of the sqlite buffer, where Redis sets no limit of its own. */
const unlimitedBytes = 2 * 1024 ** 3

/** Bytes of records in all shards at which append refuses. */
export function appendLimit(
  { maxBytes }: { readonly maxBytes?: number | undefined },
  maxMemoryBytes: number | undefined,
): number {
  return maxBytes ?? Math.floor((maxMemoryBytes ?? unlimitedBytes / shareOfMemory) * shareOfMemory)
}

/** What a server's INFO says, by name. */
export type ServerInfo = ReadonlyMap<string, string>

/** Why a server may not be used as it is. */
export interface ServerFault {
  /** The setting at fault. */
  readonly what: string
  readonly found: string
  readonly advice: string
  /** Whether `allowVolatile` puts up with it. */
  readonly isVolatility: boolean
}

/** 6.2: XTRIM by MINID. */
const oldest = [6, 2] as const

/** Asks every primary. Throws ConfigError where one is too old, or may lose keys that `allowVolatile` does not allow to lose. */
export async function checkServers(
  connection: Connection,
  { allowVolatile }: { readonly allowVolatile: boolean },
): Promise<ServerFacts> {
  const infos = await askServers(connection)
  for (const info of infos) {
    const fault = faultsOf(info).find(({ isVolatility }) => !(isVolatility && allowVolatile))
    if (fault) throw new ConfigError(`${fault.found} ${fault.advice}`)
  }
  return {
    hasLag: infos.every((info) => Number.parseInt(info.get('redis_version') ?? '', 10) >= 7),
    maxMemoryBytes: maxMemoryOf(infos),
  }
}

/** The INFO of every primary. */
export function askServers({ client, ask }: Connection): Promise<readonly ServerInfo[]> {
  return ask(() => Promise.all(primaries(client).map(async (node) => parseInfo(await node.info()))))
}

export function primaries(client: Redis | Cluster): readonly Redis[] {
  return 'nodes' in client ? client.nodes('master') : [client]
}

/** Least memory limit of any of the servers, bytes; undefined where none is set. */
export function maxMemoryOf(infos: readonly ServerInfo[]): number | undefined {
  const limits = infos.map((info) => Number(info.get('maxmemory'))).filter((bytes) => bytes > 0)
  return limits.length > 0 ? Math.min(...limits) : undefined
}

function parseInfo(text: string): ServerInfo {
  return new Map([...text.matchAll(/^([a-z_0-9]+):(.*)\r$/gm)].map(([, name, value]) => [name!, value!])) // both groups are in every match
}

/** What is wrong with a server, the worst first. */
export function faultsOf(info: ServerInfo): readonly ServerFault[] {
  const faults: ServerFault[] = []
  const unless = 'Or set allowVolatile where records may be lost.'
  const version = info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    faults.push({
      what: 'version',
      found: `Redis ${version} is too old for the redis buffer.`,
      advice: `Install ${oldest.join('.')} or newer, or Valkey.`,
      isVolatility: false,
    })
  const policy = info.get('maxmemory_policy')
  if (policy !== 'noeviction')
    faults.push({
      what: 'maxmemory-policy',
      found: `Redis may evict records: its maxmemory-policy is ${policy}.`,
      advice: `Run "CONFIG SET maxmemory-policy noeviction" and put it into redis.conf. ${unless}`,
      isVolatility: true,
    })
  if (info.get('aof_enabled') !== '1')
    faults.push({
      what: 'appendonly',
      found: 'Redis forgets records when it restarts: appendonly is off.',
      advice: `Run "CONFIG SET appendonly yes" and put it into redis.conf. ${unless}`,
      isVolatility: true,
    })
  return faults
}
