import type { Config } from '../../config/config.ts'
import { assets } from '../../console/assets.ts'
import { ConfigError } from '../../runtime/check.ts'
import type { Log } from '../../runtime/log.ts'
import type { StoreSink } from '../../sinks/store/store.ts'
import { type Console, openConsole } from '../../usage/console.ts'
import type { OpenedSink } from './pump.ts'

/** Serves the usage page and API over the store among the sinks that are open here: one process alone may hold it. */
export async function openConsoleRole(
  config: Config,
  sinks: readonly OpenedSink[],
  log: Log,
  opened: AsyncDisposableStack,
): Promise<Console> {
  const found = sinks.find(({ type }) => type === 'store')
  if (!found) {
    throw new ConfigError(
      'The console shows what the store holds: run the roles pump and console in one process, with a sink of type store, or leave the role console out.',
    )
  }
  const { store } = found.sink as StoreSink // what the definition of the store opens
  return opened.use(await openConsole({ ...config.console, store, assets, log }))
}
