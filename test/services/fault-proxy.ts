import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'

/** What goes wrong between a client and the server behind the proxy. */
export type Fault =
  | { readonly kind: 'none' }
  /** Nothing listens. */
  | { readonly kind: 'refuse' }
  /** A connection is reset as soon as the client sends something. */
  | { readonly kind: 'reset' }
  /** Whatever is sent is swallowed and nothing is answered; connections stay open. */
  | { readonly kind: 'hang' }
  /** So many bytes reach the server, then the connection is reset. */
  | { readonly kind: 'cut'; readonly requestBytes: number }
  /** The server gets everything; the client's connection is reset in place of the answer. */
  | { readonly kind: 'lose-reply' }
  /** Answers wait. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Every HTTP request gets this answer and none reaches the server. */
  | ({ readonly kind: 'answer' } & HttpAnswer)

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface FaultProxy extends AsyncDisposable {
  /** On 127.0.0.1; stays the same whatever the fault. */
  readonly port: number
  /** From now on this goes wrong, on open connections too. */
  set(fault: Fault): Promise<void>
}

/** A TCP relay to a loopback port that does to a connection what networks, proxies and dying servers do. The port is asked for with each connection. */
export async function openFaultProxy(to: { port: number }): Promise<FaultProxy> {
  let fault: Fault = { kind: 'none' }
  let passedBytes = 0
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // a reset is what the proxy is for
    socket.once('close', () => sockets.delete(socket))
  }

  const answerer = createHttpServer((request, response) => void answer(request, response, fault))
  const relays = new Map<Socket, Socket>()
  const answerOpenConnections = () => {
    for (const [client, server] of relays) {
      for (const event of ['data', 'end']) client.removeAllListeners(event)
      server.removeAllListeners('close').destroy()
      answerer.emit('connection', client)
    }
    relays.clear()
  }
  const relay = (client: Socket) => {
    const server = connect(to.port, '127.0.0.1')
    track(server)
    relays.set(client, server)
    client.once('close', () => relays.delete(client))
    const reset = () => {
      resetConnection(client)
      server.destroy()
    }
    client.on('data', (chunk: Buffer) => {
      if (fault.kind === 'reset') return reset()
      if (fault.kind === 'hang') return
      if (fault.kind !== 'cut') return void server.write(chunk)
      const passing = chunk.subarray(0, Math.max(0, fault.requestBytes - passedBytes))
      passedBytes += passing.length
      server.write(passing)
      if (passedBytes >= fault.requestBytes) reset()
    })
    server.on('data', (chunk: Buffer) => {
      if (fault.kind === 'lose-reply') return reset()
      if (fault.kind === 'hang') return
      if (fault.kind === 'delay') setTimeout(() => client.write(chunk), fault.ms).unref()
      else client.write(chunk)
    })
    client.once('end', () => fault.kind !== 'hang' && server.end())
    server.once('end', () => fault.kind !== 'hang' && client.end())
    client.once('close', () => server.destroy())
    server.once('close', () => fault.kind !== 'hang' && client.destroy())
  }
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    track(client)
    if (fault.kind === 'answer') answerer.emit('connection', client)
    else relay(client)
  })

  const listen = async (port: number) => {
    listener.listen(port, '127.0.0.1')
    await once(listener, 'listening')
  }
  const close = async () => {
    for (const socket of sockets) resetConnection(socket)
    if (!listener.listening) return
    listener.close()
    await once(listener, 'close')
  }

  await listen(0)
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('A TCP listener has a port.')
  const { port } = address
  return {
    port,
    async set(next) {
      const isSpoilt = fault.kind === 'answer' || fault.kind === 'hang' // open connections are of no use any more
      fault = next
      passedBytes = 0
      if (next.kind === 'refuse' || isSpoilt) await close()
      if (next.kind === 'answer') answerOpenConnections()
      if (next.kind !== 'refuse' && !listener.listening) await listen(port)
    },
    [Symbol.asyncDispose]: close,
  }
}

/** A connection whose end is on its way cannot be reset: libuv refuses, and Node would wait for its handle for ever at exit. */
function resetConnection(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

async function answer(request: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
  if (fault.kind !== 'answer') return void response.destroy()
  request.resume()
  await once(request, 'end').catch(() => {})
  // Closed after the answer, so that the client comes back on a connection that leads to the server.
  response.writeHead(fault.status, { 'content-type': 'text/html', connection: 'close', ...fault.headers })
  response.end(fault.body ?? `<html><body><h1>${fault.status}</h1></body></html>`)
}
