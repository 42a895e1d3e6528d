import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { makeCertificate } from './certificate.ts'
import { installed } from './provision.ts'
import { openServer, type Place, type Server } from './server.ts'

export interface RedisServer extends Server {
  /** With credentials: `redis://…` or, with `tls`, `rediss://…`. */
  readonly url: string
  /** PEM to trust, with `tls`. */
  readonly ca?: string
}

export interface RedisOptions {
  /** Lines of redis.conf. A list gives one line for each, e.g. `user`. Defaults: appendonly yes, no snapshots. */
  config?: Record<string, string | readonly string[]>
  password?: string
  /** With a password: an ACL user with all rights; the default user is then off. */
  username?: string
  /** Ready means in step with it. It must be reachable without TLS. */
  replicaOf?: RedisServer
  tls?: boolean
}

/** Starts Debian's redis-server. */
export async function openRedis(options: RedisOptions = {}): Promise<RedisServer> {
  await installed({ name: 'redis-server', files: ['/usr/bin/redis-server'] })
  let ca: string | undefined
  const server = await openServer({
    name: 'redis',
    async command(place) {
      if (options.tls && ca === undefined) ca = (await makeCertificate(place.folder)).ca
      const file = join(place.folder, 'redis.conf')
      if (!existsSync(file)) await writeFile(file, redisConf(options, place)) // kept over restarts, with what CONFIG REWRITE wrote
      return { file: '/usr/bin/redis-server', args: [file] }
    },
    isReady: ({ port }) => isReady(urlOf(options, port), ca, options.replicaOf !== undefined),
  })
  return { ...server, url: urlOf(options, server.port), ...(ca ? { ca } : {}) }
}

function urlOf({ tls, username = '', password = '' }: RedisOptions, port: number): string {
  const user = password ? `${encodeURIComponent(username)}:${encodeURIComponent(password)}@` : ''
  return `${tls ? 'rediss' : 'redis'}://${user}127.0.0.1:${port}`
}

function redisConf({ config, password, username, replicaOf, tls }: RedisOptions, { port, folder }: Place): string {
  const settings: Record<string, string | readonly string[]> = {
    bind: '127.0.0.1',
    port: tls ? '0' : `${port}`,
    dir: folder,
    save: '""',
    appendonly: 'yes',
    'repl-diskless-sync-delay': '0', // 5 s by default, to wait for more replicas
    ...(tls ? tlsSettings(port, folder) : {}),
    ...(password ? credentials(password, username) : {}),
    ...(replicaOf ? replication(new URL(replicaOf.url)) : {}),
    ...config,
  }
  const lines = Object.entries(settings).flatMap(([name, values]) => [values].flat().map((value) => `${name} ${value}`))
  return `${lines.join('\n')}\n`
}

function tlsSettings(port: number, folder: string): Record<string, string> {
  const certificate = join(folder, 'tls.crt')
  return {
    'tls-port': `${port}`,
    'tls-cert-file': certificate,
    'tls-key-file': join(folder, 'tls.key'),
    'tls-ca-cert-file': certificate,
    'tls-auth-clients': 'no',
  }
}

function credentials(password: string, username?: string): Record<string, string | readonly string[]> {
  if (!username) return { requirepass: quoted(password) }
  return { user: ['default off', `${username} on ${quoted(`>${password}`)} ~* &* +@all`] }
}

const quoted = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`

function replication({ hostname, port, username, password }: URL): Record<string, string> {
  return {
    replicaof: `${hostname} ${port}`,
    ...(username ? { masteruser: decodeURIComponent(username) } : {}),
    ...(password ? { masterauth: quoted(decodeURIComponent(password)) } : {}),
  }
}

// While a replica writes its first append-only file it refuses to end.
const isInStep = (info: string) => info.includes('master_link_status:up') && info.includes('aof_rewrite_in_progress:0')

async function isReady(url: string, ca: string | undefined, isReplica: boolean): Promise<boolean> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 1000,
    ...(ca ? { tls: { ca } } : {}),
  })
  client.on('error', () => {}) // `connect` throws the same
  try {
    await client.connect()
    return !isReplica || isInStep(await client.info())
  } finally {
    client.disconnect()
  }
}
