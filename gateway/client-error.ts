import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Exchange } from './exchange.ts'
import { type Problem, refuse } from './problem.ts'

/** The client is gone: there is nobody to answer. */
const gone = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])

/** What the parser refuses, as the client is told; anything else is a 400. */
const problems = new Map<string, Pick<Problem, 'status' | 'detail'>>([
  ['HPE_HEADER_OVERFLOW', { status: 431, detail: 'The request’s head is too large. Send fewer or shorter headers.' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { status: 413, detail: 'The chunk extensions are too large. Send none.' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: 408, detail: 'The request’s head did not come in time. Send it at once.' }],
])

/**
 * Answers what is no request, or stopped being one in the middle of its body, and leaves its record. Afterwards the
 * connection is closed: nobody knows where on it a next request would begin. What follows a request that is still being
 * served only closes the connection after its answer.
 */
export function onClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  current: Exchange | undefined,
  begin: (request: IncomingMessage) => Exchange,
): void {
  const code = error.code ?? ''
  if (gone.has(code) || !socket.writable || socket.bytesRead === 0) return void socket.destroy()
  const problem: Problem = {
    status: 400,
    detail: `This is not HTTP/1.1 as it must be (${error.message}). Check what sends it.`,
    ...problems.get(code),
    outcome: 'client_error',
  }
  if (!current || current.hasEnded) return void refuse(begin(guess(socket, error)), problem)
  const { request, response } = current
  response.shouldKeepAlive = false
  if (response.headersSent) response.on('finish', () => socket.destroySoon())
  if (!request.complete && !response.writableEnded) refuse(current, problem)
}

const requestLine = /^([A-Z-]{1,20}) (\S{1,8192}) HTTP\//

/** The request that was meant, as far as what was read tells. */
function guess(socket: Socket, error: Error): IncomingMessage {
  const request = new IncomingMessage(socket)
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.httpVersion = '1.1'
  const packet = 'rawPacket' in error && Buffer.isBuffer(error.rawPacket) ? error.rawPacket : Buffer.alloc(0)
  const [, method, url] = requestLine.exec(packet.toString('latin1', 0, 8192)) ?? []
  request.method = method ?? '_OTHER' // what OpenTelemetry calls a method that is none
  request.url = url ?? ''
  return request
}
