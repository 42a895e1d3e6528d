import type { Config } from '../config/config.ts'
import { parseMetrics, type Sample } from '../runtime/metrics-text.ts'
import { BackendError } from './command.ts'

/** The admin endpoints of a process that runs, as this machine reaches it; undefined where it takes a port by chance. */
export function adminUrl({ host, port }: Config['pump']['admin']): string | undefined {
  if (port === 0) return undefined
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** What `/readyz` says, whether it is ready or not. Throws BackendError where no process of ours answers. */
export async function askReadiness(url: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const { status, body } = await ask(`${url}/readyz`, signal)
  const facts = status === 200 || status === 503 ? fromJson(body) : undefined
  if (facts === undefined || typeof facts.status !== 'string')
    throw new BackendError(`Something else than Penstock answers at ${url}, with HTTP ${status}.`)
  return facts
}

/** The samples of `/metrics`. Throws BackendError where no process of ours answers. */
export async function askMetrics(url: string, signal: AbortSignal): Promise<readonly Sample[]> {
  const { status, body } = await ask(`${url}/metrics`, signal)
  if (status !== 200) throw new BackendError(`${url}/metrics answers with HTTP ${status}.`)
  return [...parseMetrics(body)]
}

async function ask(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
  try {
    const response = await fetch(url, { signal })
    return { status: response.status, body: await response.text() }
  } catch (error) {
    signal.throwIfAborted()
    throw new BackendError(`Nobody answers at ${new URL(url).origin}.`, { cause: error })
  }
}

function fromJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined // an object has string keys
  } catch {
    return undefined // no answer of ours
  }
}
