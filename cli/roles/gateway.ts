import { Registry } from 'prom-client'
import { openRecorder } from '../../buffer/recorder.ts'
import { registerRecorderMetrics } from '../../buffer/recorder-metrics.ts'
import type { Config } from '../../config/config.ts'
import { openGateway } from '../../gateway/gateway.ts'
import { openSqliteKeyring } from '../../keys/sqlite/keyring.ts'
import { openAdmin } from '../../runtime/admin.ts'
import { expose } from '../../runtime/exposition.ts'
import type { Log } from '../../runtime/log.ts'
import { keysFile } from '../files.ts'
import { toRecorderOptions } from './buffer.ts'
import { registerKeyMetrics } from './key-metrics.ts'
import { registerProcessMetrics } from './process-metrics.ts'

/** Runs the gateway with its keys, its way into the log and its admin endpoints; `opened` stops them, the gateway first. */
export async function openGatewayRole(config: Config, log: Log, opened: AsyncDisposableStack) {
  const registry = new Registry()
  registerProcessMetrics('gateway', registry)
  const recorder = opened.use(await openRecorder({ ...toRecorderOptions(config), log }))
  registerRecorderMetrics(recorder, registry)
  const keyring = opened.use(await openSqliteKeyring({ file: keysFile(config.dataDir), log }))
  registerKeyMetrics(keyring, registry)
  const gateway = opened.use(await openGateway(config.gateway, { recorder, keyring, registry, log }))
  const admin = opened.use(
    await openAdmin({
      listen: config.gateway.admin,
      healthz: () => ({ ok: true }),
      readyz: () => ({ ok: true, facts: { keys: keyring.size } }),
      metrics: (format) => expose(format, registry),
      log,
    }),
  )
  return {
    urls: gateway.urls,
    adminUrl: admin.url,
    reload: (next: Config) => gateway.reload(next.gateway),
    reloadFailed: () => gateway.reloadFailed(),
  }
}
