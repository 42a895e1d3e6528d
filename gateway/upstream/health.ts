import { Client } from 'undici'
import type { Log } from '../../runtime/log.ts'
import { wait } from '../../runtime/wait.ts'
import type { UpstreamOptions } from '../options.ts'
import { type Target, toConnect } from './target.ts'

type Checked = UpstreamOptions & { readonly health: NonNullable<UpstreamOptions['health']> }

/** Asks a target again and again how it is, from now until it is disposed, each time on a new connection as a new client would. */
export function watchHealth(target: Target, options: Checked, log: Log): AsyncDisposable {
  const stop = new AbortController()
  const watching = watch(target, options, log, stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await watching
    },
  }
}

async function watch(target: Target, options: Checked, log: Log, signal: AbortSignal): Promise<void> {
  const { intervalMs } = options.health
  while (!signal.aborted) {
    const startMs = performance.now()
    const fault = await faultOf(target, options, signal)
    if (signal.aborted) return
    const tookMs = performance.now() - startMs
    if (target.checked(fault === undefined ? 'ok' : 'failed', tookMs / 1000)) {
      if (fault === undefined) log('info', 'Target passes its health checks again.', { target: target.origin })
      else
        log('warn', 'Target fails its health checks; it is skipped until it passes them.', {
          target: target.origin,
          fault,
        })
    }
    // Up to a tenth later, so that several gateways do not ask at the same moment for ever.
    await wait(Math.max(0, intervalMs * (1 + Math.random() / 10) - tookMs), signal).catch(() => {})
  }
}

/** Why the target does not pass; undefined where it does. */
async function faultOf(target: Target, options: Checked, stop: AbortSignal): Promise<string | undefined> {
  const { path, timeoutMs, expectStatus } = options.health
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)])
  const client = new Client(target.origin, { connect: toConnect(target, options) })
  try {
    const { statusCode, body } = await client.request({ method: 'GET', path: `${target.pathPrefix}${path}`, signal })
    await body.dump({ limit: 65_536, signal }) // a page of health is short; what is longer is cut off
    const isWell = expectStatus.length > 0 ? expectStatus.includes(statusCode) : statusCode >= 200 && statusCode < 400
    return isWell ? undefined : `it answered with ${statusCode}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.destroy()
  }
}
