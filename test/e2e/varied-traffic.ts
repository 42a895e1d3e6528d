import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { wait } from '../../runtime/wait.ts'

/** An upstream that answers well, with errors, late, or not in time, as the path says. */
export interface VariedUpstream extends AsyncDisposable {
  readonly url: string
}

/** Beyond the timeout of the gateway in front. */
export const responseMs = 150
const lateMs = 4 * responseMs

export async function openVariedUpstream(): Promise<VariedUpstream> {
  const closing = new AbortController()
  const server = createServer((request, response) => {
    answer(request, response, closing.signal).catch(() => response.destroy()) // the gateway or the test has gone
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      closing.abort()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
  request.resume()
  const path = request.url ?? ''
  if (path.startsWith('/orders/missing')) return void response.writeHead(404).end()
  if (path.startsWith('/payments')) return void response.writeHead(503).end('out of money')
  if (path.startsWith('/reports')) await wait(lateMs, signal)
  if (path.startsWith('/catalog')) await wait(responseMs / 3, signal) // long enough to be given up
  response.writeHead(request.method === 'POST' ? 201 : 200).end('x'.repeat(500))
}

/** How a consumer calls, each round. */
interface Call {
  readonly consumer: string
  readonly method: string
  readonly path: string
  readonly times: number
  /** The client hangs up before the answer. */
  readonly isGivenUp?: true
}

export const consumers = {
  'web-shop': { team: 'storefront', plan: 'gold' },
  'mobile-app': { team: 'storefront', plan: 'gold' },
  partner: { team: 'partners', plan: 'gold' },
  crawler: { team: 'seo', plan: 'free' },
} as const

/** In place of a consumer: a key that was revoked. */
export const deadKey = 'revoked'

const calls: readonly Call[] = [
  { consumer: 'web-shop', method: 'GET', path: '/orders/42', times: 3 },
  { consumer: 'web-shop', method: 'POST', path: '/orders', times: 1 },
  { consumer: 'mobile-app', method: 'GET', path: '/orders/missing', times: 1 },
  { consumer: 'mobile-app', method: 'POST', path: '/payments', times: 1 }, // 503
  { consumer: 'partner', method: 'GET', path: '/reports/daily', times: 1 }, // 504
  { consumer: 'partner', method: 'GET', path: '/legacy/things', times: 1 }, // 502: its upstream is down
  { consumer: 'partner', method: 'GET', path: '/catalog/products', times: 1, isGivenUp: true }, // 499
  { consumer: 'web-shop', method: 'GET', path: '/catalog/products', times: 1 },
  { consumer: 'crawler', method: 'GET', path: '/orders/42', times: 2 }, // beyond its plan: 429
  { consumer: 'crawler', method: 'GET', path: '/admin/settings', times: 1 }, // not its plan: 403
  { consumer: '', method: 'GET', path: '/orders/42', times: 1 }, // 401
  { consumer: deadKey, method: 'GET', path: '/orders/42', times: 1 }, // 401
]

/** 5 rounds a second: every scrape sees every way to end. */
const roundMs = 200

/** Calls the gateway in every way there is to end, round by round until the signal is aborted. */
export async function callVariously(
  gateway: string,
  keys: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  await using pool = toDisposable(new Pool(gateway, { connections: 64 }))
  const onTheWay = new Set<Promise<void>>()
  while (!signal.aborted) {
    for (const call of calls) {
      for (let i = 0; i < call.times; i++) {
        const one = send(pool.pool, call, keys.get(call.consumer))
          .catch(() => {}) // the gateway's record says how it ended
          .finally(() => onTheWay.delete(one))
        onTheWay.add(one)
      }
    }
    await wait(roundMs, signal).catch(() => {}) // aborted: seen next
  }
  await Promise.all(onTheWay)
}

async function send(pool: Pool, { method, path, isGivenUp }: Call, key: string | undefined): Promise<void> {
  const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
  const { body } = await pool.request({
    ...{ method, path },
    headers: { traceparent, ...(key ? { 'x-api-key': key } : {}) },
    ...(isGivenUp ? { signal: AbortSignal.timeout(responseMs / 6) } : {}),
  })
  await body.dump()
}

function toDisposable(pool: Pool): AsyncDisposable & { readonly pool: Pool } {
  return { pool, [Symbol.asyncDispose]: () => pool.destroy() }
}
