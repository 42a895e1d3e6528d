import type { Buffer } from '../../buffer/buffer.ts'
import type { RecorderOptions } from '../../buffer/recorder.ts'
import { openRedisBuffer } from '../../buffer/redis/redis.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import type { Config } from '../../config/config.ts'
import { bufferFolder } from '../files.ts'

/** Opens the log that the pump reads: the local buffer itself, or the shared one. */
export async function openBuffer({ buffer, dataDir }: Config): Promise<Buffer> {
  const { type, ...options } = buffer
  if (type === 'redis') return await openRedisBuffer(options)
  return openSqliteBuffer({ dir: bufferFolder(dataDir), ...options })
}

/** Where a gateway's records go first, and from there where the buffer is shared. */
export function toRecorderOptions({
  buffer,
  dataDir,
  gateway,
}: Config): Pick<RecorderOptions, 'local' | 'remote' | 'ringBytes'> {
  const { type, ...options } = buffer
  const dir = bufferFolder(dataDir)
  if (type === 'redis')
    return { local: { dir, maxBytes: gateway.spoolBytes }, remote: { type, options }, ringBytes: gateway.ringBytes }
  return { local: { dir, ...options }, ringBytes: gateway.ringBytes }
}
