import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { contentTypes, type ExpositionFormat, negotiate } from './exposition.ts'
import { type Listen, startListening, stopListening } from './listen.ts'
import type { Log } from './log.ts'

/** What a probe is told: `ok` decides the status, the facts say why. */
export interface Probe {
  readonly ok: boolean
  readonly facts?: Readonly<Record<string, unknown>>
}

export interface AdminOptions {
  readonly listen: Listen
  /** Whether the process is alive: where it is not, a restart would mend it. */
  readonly healthz: () => Probe | Promise<Probe>
  /** Whether the process can do its work now. */
  readonly readyz: () => Probe | Promise<Probe>
  /** The page of metrics, in slices; `expose` makes one. */
  readonly metrics: (format: ExpositionFormat) => Iterable<string> | AsyncIterable<string>
  readonly log: Log
}

/**
 * Serves `/healthz`, `/readyz` and `/metrics` until it is disposed. It changes nothing and shows no secret, so it asks for
 * no password, and on loopback, where it listens unless it is told otherwise, it need not check the Host header.
 */
export interface Admin extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8082`. */
  readonly url: string
}

/** 10 s: no probe or scraper sends its request slower; one that does holds nothing. */
const requestTimeoutMs = 10_000

/** Starts to listen. Throws ConfigError where the address cannot be had. What goes wrong while answering is answered with 500 and logged. */
export async function openAdmin(options: AdminOptions): Promise<Admin> {
  const server = createServer({ requestTimeout: requestTimeoutMs, keepAliveTimeout: 60_000 }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      if (!isGone(error)) options.log('error', 'Admin request failed.', { path: request.url, error })
      fail(response)
    })
  })
  const url = await startListening(server, options.listen)
  server.on('error', (error) => options.log('error', 'Admin server failed.', { error }))
  return { url, [Symbol.asyncDispose]: () => stopListening(server) }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: AdminOptions): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  if (path !== '/healthz' && path !== '/readyz' && path !== '/metrics') return send(response, 404, 'Not found.\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, 'Only GET and HEAD are answered here.\n')
  }
  response.setHeader('cache-control', 'no-store')
  if (path === '/metrics') return await sendMetrics(request, response, options)
  const { ok, facts } = await (path === '/healthz' ? options.healthz() : options.readyz())
  response.setHeader('content-type', 'application/json')
  send(response, ok ? 200 : 503, `${JSON.stringify({ status: ok ? 'ok' : 'unavailable', ...facts })}\n`)
}

async function sendMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics }: AdminOptions,
): Promise<void> {
  const format = negotiate(request.headers.accept)
  response.setHeader('content-type', contentTypes[format])
  response.setHeader('vary', 'accept, accept-encoding')
  if (request.method === 'HEAD') return send(response, 200, '')
  const page = Readable.from(metrics(format))
  await once(page, 'readable') // throws what the first slice throws, while a 500 can still be sent
  if (response.destroyed) return void page.destroy() // the scraper did not wait for it
  if (!acceptsGzip(request.headers['accept-encoding'])) return await pipeline(page, response)
  response.setHeader('content-encoding', 'gzip')
  await pipeline(page, createGzip({ level: constants.Z_BEST_SPEED }), response) // names repeat: the fastest level already saves nine tenths
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/i.test(String(header ?? ''))
}

function send(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(body)
}

/** An answer that has begun is cut off, so that nobody takes half a page for a whole one. */
function fail(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  send(response, 500, 'The answer could not be made; the log says why.\n')
}

/** The client went away before the end of its answer. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}
