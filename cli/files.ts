import { join } from 'node:path'

/** What is read where no `--config` names another one. */
export const defaultConfigFile = 'penstock.yaml'

/** Where the keys of a data folder are kept. */
export function keysFile(dataDir: string): string {
  return join(dataDir, 'keys.db')
}

/** Where records wait for a shared buffer. */
export function spoolFolder(dataDir: string): string {
  return join(dataDir, 'spool')
}
