import { randomBytes } from 'node:crypto'
import { Pool } from 'undici'
import { wait } from '../../runtime/wait.ts'

/** A consumer of the demo and how it calls. */
interface Caller {
  readonly consumer: string
  /** Requests per second. */
  readonly perSecond: number
  /** What it calls, and how often beside the others. */
  readonly calls: readonly (readonly [weight: number, method: string, path: () => string])[]
}

const number = (max: number) => 1 + Math.floor(Math.random() * max)

export const callers: readonly Caller[] = [
  {
    consumer: 'web-shop',
    perSecond: 12,
    calls: [
      [6, 'GET', () => `/catalog/products/${number(500)}`],
      [3, 'GET', () => `/catalog/search?q=${number(50)}`],
      [2, 'POST', () => '/orders'],
      [2, 'POST', () => '/payments'],
      [1, 'GET', () => `/orders/${number(9000)}`],
    ],
  },
  {
    consumer: 'mobile-app',
    perSecond: 8,
    calls: [
      [8, 'GET', () => `/catalog/products/${number(500)}`],
      [2, 'GET', () => `/orders/${number(9000)}`],
      [1, 'POST', () => '/payments'],
      [1, 'GET', () => `/orders/0${number(99)}`],
    ],
  },
  {
    consumer: 'partner-acme',
    perSecond: 4,
    calls: [
      [3, 'GET', () => '/orders'],
      [1, 'GET', () => `/payments/${number(9000)}`],
    ],
  },
  { consumer: 'reporting', perSecond: 0.5, calls: [[1, 'GET', () => '/orders/export']] },
  { consumer: 'crawler', perSecond: 6, calls: [[1, 'GET', () => `/catalog/products/${number(500)}`]] }, // beyond its plan: 429
]

/** Calls the gateway as all demo consumers do, at a steady pace, until the signal is aborted. */
export async function callSteadily(
  gateway: string,
  keys: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const pool = new Pool(gateway, { connections: 32 })
  const send = async (method: string, path: string, key: string) => {
    const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
    const { body } = await pool.request({
      method,
      path,
      headers: { 'x-api-key': key, traceparent, 'user-agent': 'penstock-demo' },
      signal,
    })
    await body.dump()
  }
  const strangers = callEvery(2, () => send('GET', '/orders', 'not-a-key'), signal) // 401
  const known = callers.map(({ consumer, perSecond, calls }) =>
    callEvery(perSecond, () => send(...pick(calls), keys.get(consumer) ?? ''), signal),
  )
  await Promise.all([strangers, ...known])
  await pool.destroy()
}

async function callEvery(perSecond: number, call: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const onTheWay = new Set<Promise<void>>()
  while (!signal.aborted) {
    const one = call()
      .catch(() => {}) // the gateway's answer is in the records; without one there is nothing to say
      .finally(() => onTheWay.delete(one))
    onTheWay.add(one)
    await wait((-Math.log(1 - Math.random()) * 1000) / perSecond, signal).catch(() => {}) // Poisson arrivals; aborted: seen next
  }
  await Promise.all(onTheWay)
}

function pick(calls: Caller['calls']): [method: string, path: string] {
  let left = Math.random() * calls.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, method, path] of calls) {
    left -= weight
    if (left <= 0) return [method, path()]
  }
  return ['GET', '/orders']
}
