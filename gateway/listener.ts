import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { startListening } from '../runtime/listen.ts'
import { openCertificate } from './certificate.ts'
import { onClientError } from './client-error.ts'
import type { Core } from './core.ts'
import { type Exchange, GatewayResponse } from './exchange.ts'
import type { GatewayOptions, ListenerOptions } from './options.ts'
import { refuse } from './problem.ts'
import { begin, serve } from './receive.ts'

/** One address that the gateway listens on. Disposing closes the connections that are left. */
export interface Listener extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Takes no new connections and closes those that are idle; calling it again closes those that are idle by then. */
  stopAccepting(): void
  /** What a reload may change. */
  configure(options: GatewayOptions): void
}

type GatewayServer = Server<typeof IncomingMessage, typeof GatewayResponse>

/** Resolves when it listens. Throws ConfigError where the address or the certificate cannot be had. */
export async function openListener(
  core: Core,
  { host, port, tls }: ListenerOptions,
  options: GatewayOptions,
): Promise<Listener> {
  await using opened = new AsyncDisposableStack()
  const certificate = tls && opened.use(await openCertificate(tls, core))
  const server: GatewayServer = certificate
    ? createTlsServer({ ...serverOptions(options), ...certificate.context, handshakeTimeout: options.timeouts.headMs })
    : createServer(serverOptions(options))
  certificate?.onChange(
    (context) => 'setSecureContext' in server && (server as unknown as TlsServer).setSecureContext(context),
  )
  server.maxHeadersCount = 0 // limited by bytes already; a limit by number would drop the rest in silence
  listenTo(server, core)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const url = await startListening(server, { host, port }, tls ? 'https' : 'http')
  server.on('error', (error) => core.log('error', 'Listener failed.', { host, port, error }))
  const rest = opened.move()
  let closed: Promise<unknown> | undefined
  const stopAccepting = () => {
    closed ??= once(server, 'close')
    if (server.listening) server.close()
    else server.closeIdleConnections()
  }
  return {
    url,
    stopAccepting,
    configure: (changed) => void Object.assign(server, adjustable(changed)),
    async [Symbol.asyncDispose]() {
      stopAccepting()
      for (const socket of sockets) socket.destroy() // those too that the HTTP server does not know: in the middle of a TLS handshake
      await closed
      await rest.disposeAsync()
    },
  }
}

interface TlsServer {
  setSecureContext(context: { cert: Buffer; key: Buffer }): void
}

/** 1 s: how exactly slow heads are ended. */
const headCheckEveryMs = 1_000

function serverOptions(options: GatewayOptions) {
  return {
    ServerResponse: GatewayResponse,
    ...adjustable(options),
    requestTimeout: 0, // a long upload is no fault; its pauses are watched
    connectionsCheckingInterval: headCheckEveryMs,
    requireHostHeader: false, // told to the client, and recorded, by ourselves
    insecureHTTPParser: false,
    optimizeEmptyRequests: true,
    noDelay: true,
    shouldUpgradeCallback: isWebSocket,
  }
}

function adjustable({ limits, timeouts }: GatewayOptions) {
  return {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: timeouts.headMs,
    keepAliveTimeout: timeouts.keepAliveMs,
  }
}

/**
 * Other protocols, such as h2c that some clients offer with every request, are for the client to do without; so is any
 * behind a request whose answer still has to go out on the connection.
 */
function isWebSocket({ headers, socket }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  return headers.upgrade?.toLowerCase() === 'websocket' && !hasBody && isFree(socket)
}

const current = Symbol('exchange')
type ServerSocket = Socket & { [current]?: Exchange }

function listenTo(server: GatewayServer, core: Core): void {
  const start = (request: IncomingMessage, response: GatewayResponse): Exchange => {
    const socket: ServerSocket = request.socket
    const exchange = begin(core, request, response, socket)
    socket[current] = exchange
    return exchange
  }
  server.on('request', (request, response) => {
    if (!isClosing(request.socket)) serve(start(request, response))
  })
  server.on('checkContinue', (request, response) => {
    if (isClosing(request.socket)) return
    const exchange = start(request, response)
    exchange.expectsContinue = true
    serve(exchange)
  })
  server.on('checkExpectation', (request, response) => {
    if (isClosing(request.socket)) return
    refuse(start(request, response), {
      status: 417,
      outcome: 'client_error',
      detail: 'The only expectation that is met is 100-continue.',
    })
  })
  server.on('upgrade', (request, socket, head) => {
    const exchange = onBareSocket(core, request, socket as Socket) // a plain socket, as requests with a body are not upgraded
    exchange.upgrade = { protocol: 'websocket', socket: socket as Socket, head }
    serve(exchange)
  })
  server.on('connect', (request, socket) => {
    if (!isFree(request.socket)) return void cutOff(core, request)
    const detail = 'This is no forward proxy: it takes no CONNECT.'
    refuse(onBareSocket(core, request, socket as Socket), { status: 405, outcome: 'client_error', detail }) // a plain socket, as CONNECT has no body
  })
  server.on('clientError', (error, duplex) => {
    const socket = duplex as ServerSocket // the server's connections are nothing else
    onClientError(error, socket, socket[current], (request) => onBareSocket(core, request, socket))
  })
}

/** Whether the connection ends with the answer before: what follows on it is not served, and may not even be meant as a request. */
function isClosing(socket: ServerSocket): boolean {
  return socket[current]?.response.shouldKeepAlive === false
}

/** Whether nothing is being served on the connection, and it may go on. */
function isFree(socket: ServerSocket): boolean {
  const exchange = socket[current]
  return exchange === undefined || (exchange.hasEnded && exchange.response.shouldKeepAlive)
}

/**
 * For a CONNECT behind requests that are being served. The server has let go of the connection, so that none of their
 * answers could go out in full: they end as if the client had left.
 */
function cutOff(core: Core, { socket }: IncomingMessage): void {
  for (const exchange of core.live.all()) if (exchange.request.socket === socket) exchange.end()
  socket.destroy()
}

/** An exchange on a connection that the server has let go of: it ends with its answer. */
function onBareSocket(core: Core, request: IncomingMessage, socket: Socket): Exchange {
  const response = new GatewayResponse(request)
  response.shouldKeepAlive = false
  socket.on('error', () => {}) // its close says all there is to say
  response.assignSocket(socket)
  socket.on('drain', () => response.emit('drain'))
  response.on('finish', () => socket.destroySoon())
  return begin(core, request, response, socket)
}
