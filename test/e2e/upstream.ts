import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { replayHeader } from '../../cli/replay.ts'
import { bodyCapBytes } from './logged-calls.ts'

export interface ReplayUpstream extends AsyncDisposable {
  readonly url: string
  /** Requests that it was asked. */
  readonly asked: number
}

/** Answers what the request says that the log says: status, and as many bytes up to the cap. */
export async function openReplayUpstream(): Promise<ReplayUpstream> {
  const body = Buffer.alloc(bodyCapBytes, 'x')
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    const [status, bytes] = String(request.headers[replayHeader]).split(' ').map(Number)
    request.resume()
    response.writeHead(status ?? 500) // the header is there unless the gateway lost it, which the counts show
    response.end(body.subarray(0, bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return {
    url: `http://127.0.0.1:${port}`,
    get asked() {
      return asked
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
