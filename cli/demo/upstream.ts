import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { finished } from 'node:stream/promises'
import { wait } from '../../runtime/wait.ts'

/** How an endpoint of the demo upstream behaves. */
interface Behaviour {
  /** Typical time to answer, milliseconds; the tail is several times that. */
  readonly typicalMs: number
  /** About how large the answer is, bytes. */
  readonly bytes: number
  readonly status?: number
}

const behaviours: readonly (readonly [RegExp, Behaviour])[] = [
  [/^POST \/payments/, { typicalMs: 45, bytes: 300, status: 201 }],
  [/^GET \/payments\//, { typicalMs: 18, bytes: 900 }],
  [/^GET \/catalog\/search/, { typicalMs: 60, bytes: 9000 }],
  [/^GET \/catalog\//, { typicalMs: 8, bytes: 2400 }],
  [/^GET \/orders\/export/, { typicalMs: 250, bytes: 60_000 }],
  [/^POST \/orders/, { typicalMs: 35, bytes: 400, status: 201 }],
  [/^GET \/orders/, { typicalMs: 14, bytes: 1800 }],
]

/** One minute in four, payments fail: something to find on the usage page. */
const incidentEveryMs = 240_000
const incidentMs = 60_000

/** Whether the demo's payment provider is in trouble at this moment. */
export function isIncident(nowMs: number, startedAtMs: number): boolean {
  return (nowMs - startedAtMs) % incidentEveryMs > incidentEveryMs - incidentMs
}

export interface DemoUpstream extends AsyncDisposable {
  readonly url: string
}

/** Starts the upstream that the demo's gateway stands in front of. */
export async function openDemoUpstream(startedAtMs = Date.now()): Promise<DemoUpstream> {
  const closing = new AbortController()
  const server = createServer((request, response) => {
    answer(request, response, startedAtMs, closing.signal).catch(() => response.destroy()) // the client or the demo has gone
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

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  startedAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  await finished(request.resume())
  const asked = `${request.method} ${request.url}`
  const behaviour = behaviours.find(([pattern]) => pattern.test(asked))?.[1]
  if (!behaviour || /\/0\d*$/.test(asked)) return void response.writeHead(404, { 'content-length': 0 }).end()
  const failing = asked.startsWith('POST /payments') && isIncident(Date.now(), startedAtMs)
  const tail = Math.exp(Math.random() * Math.random() * 2.5) // skewed as real latencies are
  await wait(behaviour.typicalMs * tail * (failing ? 6 : 1), signal)
  if (failing && Math.random() < 0.4)
    return void response.writeHead(503, { 'content-length': 0, 'retry-after': '5' }).end()
  const body = Buffer.from(JSON.stringify({ asked, filler: '.'.repeat(behaviour.bytes) }))
  response
    .writeHead(behaviour.status ?? 200, { 'content-type': 'application/json', 'content-length': body.length })
    .end(body)
}
