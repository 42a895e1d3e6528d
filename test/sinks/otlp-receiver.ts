import { once } from 'node:events'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'

/** What a receiver says of one request. */
export interface Word {
  readonly status?: number
  readonly type?: string
  readonly body?: Uint8Array | string
}

export interface Receiver {
  readonly url: string
  /** Requests so far, as the path that they were sent to and their body. */
  readonly requests: readonly { readonly path: string; readonly body: Buffer }[]
}

/** A receiver of OTLP that answers as it is told: what the real collector has no reason to say. */
export async function openReceiver(
  t: TestContext,
  answer: (request: Receiver['requests'][number]) => Word,
): Promise<Receiver> {
  const requests: Receiver['requests'][number][] = []
  const server = createServer(async (message, response) => {
    const sent = await buffer(message)
    const request = { path: message.url ?? '', body: message.headers['content-encoding'] ? gunzipSync(sent) : sent }
    requests.push(request)
    const { status = 200, type = 'application/x-protobuf', body = '' } = answer(request)
    response.writeHead(status, { 'content-type': type })
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A TCP listener has a port.')
  return { url: `http://127.0.0.1:${address.port}`, requests }
}

/** An answer's `partial_success`: field 1 of the answer, with the count in its field 1 and the message in its field 2. */
export function partially(rejected: number, message: string): Buffer {
  const inner = Buffer.concat([Buffer.from([0x08, rejected, 0x12, message.length]), Buffer.from(message)])
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner])
}

/** A refusal's `google.rpc.Status`: the code in field 1, the message in field 2. */
export function refusal(code: number, message: string): Buffer {
  const length = message.length < 128 ? [message.length] : [(message.length & 0x7f) | 0x80, message.length >> 7]
  return Buffer.concat([Buffer.from([0x08, code, 0x12, ...length]), Buffer.from(message)])
}
