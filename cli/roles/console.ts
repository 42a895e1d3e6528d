import type { Config } from '../../config/config.ts'
import { assets } from '../../console/assets.ts'
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
  if (!found) throw new Error('A console was started without a store: checkRoles comes first.')
  const { store } = found.sink as StoreSink // what the definition of the store opens
  return opened.use(await openConsole({ ...config.console, store, assets, log }))
}
