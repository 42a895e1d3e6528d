import { STATUS_CODES } from 'node:http'
import type { Outcome } from '../record/outcome.ts'
import type { Exchange } from './exchange.ts'
import { limitHeaders } from './limit.ts'
import { prepareConnection } from './linger.ts'

/** Why a request is not answered by an upstream, as the client is told. */
export interface Problem {
  readonly status: number
  readonly outcome: Outcome
  /** A sentence or two: what is wrong, and what to do. */
  readonly detail: string
  /** Further headers, names and values in turn. */
  readonly headers?: readonly string[]
}

/** Answers with a problem (RFC 9457), unless an answer has begun already: then the connection is cut, so that nobody takes a part for the whole. */
export function refuse(exchange: Exchange, { status, outcome, detail, headers = [] }: Problem): void {
  const { response, request, trace } = exchange
  exchange.work?.abandon()
  exchange.work = undefined
  if (exchange.hasEnded) return
  if (response.headersSent || response.destroyed)
    return void exchange.cut(response.headersSent ? response.statusCode : status, outcome)
  exchange.settle(status, outcome)
  if (exchange.path === '') exchange.path = pathOf(request.url ?? '') // it was refused before it was understood
  if (status === 400 || status === 408) response.shouldKeepAlive = false // nobody knows where a next request would begin
  prepareConnection(exchange)
  const body = JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail,
    traceId: trace.traceId,
  })
  const bytes = Buffer.from(body)
  const sentHeaders = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(bytes.length),
    'cache-control',
    'no-store',
    ...headers,
    ...limitHeaders(exchange.verdict),
  ]
  exchange.restartAnswer()
  exchange.capture?.answered(sentHeaders)
  response.writeHead(status, sentHeaders)
  if (request.method === 'HEAD') return void response.end()
  exchange.sent(bytes)
  response.end(bytes)
}

/** The path of a request target that may be anything: without what could hold a password. */
function pathOf(url: string): string {
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*/s, '')
}
