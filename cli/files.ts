import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, loadConfig } from '../config/config.ts'
import { type CommandOption, type OptionValues, type Terminal, textOf, UsageError } from './command.ts'

/** What is read where no `--config` names another one. */
export const defaultConfigFile = 'penstock.yaml'

/** The option of every command that reads the configuration. */
export const configOption: CommandOption = {
  type: 'string',
  value: 'FILE',
  doc: 'Configuration file',
  default: defaultConfigFile,
}

/** The configuration that a command was told to use. Throws ConfigError with all its faults. */
export function configOf(values: OptionValues, { env }: Pick<Terminal, 'env'>): Config {
  return loadConfig(textOf(values, 'config') ?? defaultConfigFile, { env })
}

/** Throws UsageError unless `file`, which an argument names, can be read. */
export function checkReadable(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) throw new UsageError(`There is no file ${file}.`)
  if (found.isDirectory()) throw new UsageError(`${file} is a folder: name a file in it.`)
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    throw new UsageError(`${file} cannot be read: may this user read it?`, { cause: error })
  }
}

/** Where the keys of a data folder are kept. */
export function keysFile(dataDir: string): string {
  return join(dataDir, 'keys.db')
}

/** Where records wait for a shared buffer. */
export function spoolFolder(dataDir: string): string {
  return join(dataDir, 'spool')
}
