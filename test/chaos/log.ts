import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buffers } from '../../buffer/index.ts'
import type { RecorderOptions } from '../../buffer/recorder.ts'
import { spoolFolder } from '../../cli/files.ts'
import { type FaultProxy, openFaultProxy } from '../services/fault-proxy.ts'
import { openKafka } from '../services/kafka.ts'
import { openRedis } from '../services/redis.ts'
import type { Server } from '../services/server.ts'
import type { BufferType } from './options.ts'

/** The log of a run: what the configuration says of it, how producers come to it, and what can be spoilt. */
export interface ChaosLog {
  readonly config: Readonly<Record<string, unknown>>
  readonly server?: Server
  readonly link?: FaultProxy
  readonly producers: readonly ChaosLogEnd[]
  /** Data folder of a pump. */
  pumpFolder(number: number): string
}

export interface ChaosLogEnd {
  /** Of the local log: the log itself, or the spool before a shared one. */
  readonly logFolder: string
  readonly recorder: Pick<RecorderOptions, 'local' | 'remote'>
}

export interface ChaosLogOptions {
  readonly type: BufferType
  readonly folder: string
  /** Data folder of the first producer. */
  readonly diskFolder: string
  /** Most that a local log may hold. */
  readonly localBytes: number
}

/** Opens the shared log with a proxy before it, or says where the local one is. `opened` closes both. */
export async function openChaosLog(
  { type, folder, diskFolder, localBytes }: ChaosLogOptions,
  opened: AsyncDisposableStack,
): Promise<ChaosLog> {
  if (type === 'sqlite') {
    const local = { dir: diskFolder, maxBytes: localBytes }
    return {
      config: { type, maxBytes: localBytes },
      producers: [{ logFolder: diskFolder, recorder: { local } }],
      pumpFolder: () => diskFolder,
    }
  }
  const { config, ...shared } = await openShared[type](opened)
  const { type: _, ...given } = config
  const end = (dataDir: string): ChaosLogEnd => {
    const logFolder = spoolFolder(dataDir)
    mkdirSync(logFolder, { recursive: true })
    const options = buffers[type].options.parse(given)
    return {
      logFolder,
      recorder: { local: { dir: logFolder, maxBytes: localBytes }, remote: { type, options, dataDir } },
    }
  }
  return {
    config,
    ...shared,
    producers: [end(diskFolder), end(join(folder, 'gateway'))],
    pumpFolder: (number) => join(folder, `pump-${number}`),
  }
}

type Shared = Pick<ChaosLog, 'config' | 'server' | 'link'>

const openShared: Record<Exclude<BufferType, 'sqlite'>, (opened: AsyncDisposableStack) => Promise<Shared>> = {
  async redis(opened) {
    const server = opened.use(await openRedis({ config: { 'maxmemory-policy': 'noeviction' } }))
    const link = opened.use(await openFaultProxy(server))
    const shards = 2 // each sink's readers may belong to two pumps
    return { config: { type: 'redis', urls: [`redis://127.0.0.1:${link.port}`], shards }, server, link }
  },
  async kafka(opened) {
    const to = { port: 0 } // known once the server runs, which has to name the proxy
    const link = opened.use(await openFaultProxy(to))
    const server = opened.use(await openKafka({ advertisedPort: link.port }))
    to.port = server.port
    return { config: { type: 'kafka', brokers: [`127.0.0.1:${link.port}`], partitions: 2 }, server, link }
  },
}
