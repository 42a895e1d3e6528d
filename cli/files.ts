import { join } from 'node:path'

/** What is read where no `--config` names another one. */
export const defaultConfigFile = 'penstock.yaml'

/** Where the keys of a data folder are kept. */
export function keysFile(dataDir: string): string {
  return join(dataDir, 'keys.db')
}

/** Where the local buffer of a data folder is kept. */
export function bufferFolder(dataDir: string): string {
  return join(dataDir, 'buffer')
}
