/** A gateway in a process of its own, as the bench wants it: `penstock.ts FOLDER UPSTREAM VARIANT CLIENT`. Says its address to its parent. */
import { join } from 'node:path'
import { openRecorder } from '../../buffer/recorder.ts'
import { openGateway } from '../../gateway/gateway.ts'
import { gatewayOptions } from '../../gateway/options.ts'
import { openSqliteKeyring } from '../../keys/sqlite/keyring.ts'
import { noLog } from '../../runtime/log.ts'

/**
 * `bare` only routes and proxies; `features` adds keys, a rate limit and traces; `full` adds analytics: recorder, spool
 * and its thread. The record itself is built in each.
 */
export type Variant = 'bare' | 'features' | 'full'
/** By which client the upstream is asked. */
export type Client = 'undici' | 'lean'

const [folder = '', url = '', variant = 'bare', client = 'undici'] = process.argv.slice(2)

await using opened = new AsyncDisposableStack()
const recorder =
  variant === 'full'
    ? opened.use(await openRecorder({ local: { dir: join(folder, client), maxBytes: 16 * 1024 ** 3 }, log: noLog }))
    : { record: () => true }
const keyring =
  variant === 'bare'
    ? { find: () => undefined, findDead: () => undefined }
    : opened.use(await openSqliteKeyring({ file: join(folder, 'keys.sqlite'), log: noLog }))
const options = gatewayOptions.parse({
  listen: [{ port: 0 }],
  upstreams: { target: { client, targets: [{ url }] } },
  apis: [
    {
      name: 'orders',
      upstream: 'target',
      ...(variant === 'bare'
        ? { auth: 'none' }
        : { auth: 'key', rateLimit: { requests: 1_000_000, per: 'second', by: 'consumer' } }),
      routes: [{ path: '/orders/{id}' }],
    },
  ],
})
const gateway = opened.use(await openGateway(options, { recorder, keyring, log: noLog }))
process.send?.({ url: gateway.urls[0] })
await new Promise((resolve) => process.on('disconnect', resolve))
