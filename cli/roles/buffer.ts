import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Buffer } from '../../buffer/buffer.ts'
import type { BufferDefinition } from '../../buffer/define.ts'
import { buffers } from '../../buffer/index.ts'
import type { RecorderOptions } from '../../buffer/recorder.ts'
import { databaseFile } from '../../buffer/sqlite/database.ts'
import type { Config } from '../../config/config.ts'
import type { Log } from '../../runtime/log.ts'
import { ValueError } from '../command.ts'
import { spoolFolder } from '../files.ts'

/** Opens the log that the pump reads: the local buffer itself, or the shared one. */
export async function openBuffer({ buffer, dataDir }: Config, log: Log): Promise<Buffer> {
  const { type, ...options } = buffer
  const definition: BufferDefinition = buffers[type as keyof typeof buffers] // the config's schema admits only these
  return await definition.open(options, { dataDir, log })
}

/** Opens the log for a look at it, or a change: a mistyped data folder is no empty log. Throws ValueError where there is none yet. */
export async function openExistingBuffer(config: Config, log: Log): Promise<Buffer> {
  const { buffer, dataDir } = config
  const file = join(dataDir, databaseFile)
  if (buffer.type === 'sqlite' && !existsSync(file))
    throw new ValueError(
      `There is no log at ${resolve(file)} yet: penstock start makes one. If it runs, name its configuration with --config, from the folder where it was started.`,
    )
  return await openBuffer(config, log)
}

/** Where a gateway's records go first, and from there where the buffer is shared. */
export function toRecorderOptions({
  buffer,
  dataDir,
  gateway,
}: Config): Pick<RecorderOptions, 'local' | 'remote' | 'ringBytes'> {
  const { type, ...options } = buffer
  const { ringBytes, spoolBytes } = gateway
  if (type === 'sqlite') return { local: { dir: dataDir, maxBytes: options.maxBytes as number }, ringBytes } // the schema of the sqlite buffer says so
  return {
    local: { dir: spoolFolder(dataDir), maxBytes: spoolBytes },
    remote: { type: type as keyof typeof buffers, options, dataDir }, // the config's schema admits only these
    ringBytes,
  }
}
