import type { Exchange } from '../exchange.ts'
import { type Problem, refuse } from '../problem.ts'
import { Attempt, type AttemptOwner, type Failure } from './attempt.ts'
import type { Body } from './body.ts'
import { toUpstreamHeaders } from './request-headers.ts'
import type { Target } from './target.ts'
import { openTunnel } from './tunnel.ts'

/** May be sent twice without doing more than once (RFC 9110, 9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Sends a request on to its upstream, and to another target where the first does not answer and nothing can be done twice. */
export function forward(exchange: Exchange, body: Body): void {
  const upstream = exchange.route?.api.upstream
  if (!upstream) return
  const nowMs = performance.now()
  new Attempt(exchange, upstream.pick(nowMs), body, toUpstreamHeaders(exchange), owner).start(nowMs)
}

const owner: AttemptOwner = {
  failed(attempt, failure) {
    const { exchange, body, options } = attempt
    const nowMs = performance.now()
    const target = retryTarget(attempt, failure, nowMs)
    if (!target) return refuse(exchange, toProblem(exchange, failure))
    exchange.answeredMs = 0
    new Attempt(exchange, target, body, options.headers, owner).start(nowMs)
  },
  upgraded: ({ exchange }, head, socket) => openTunnel(exchange, head, socket),
}

function retryTarget({ exchange, target, body }: Attempt, failure: Failure, nowMs: number): Target | undefined {
  const upstream = exchange.route?.api.upstream
  if (!upstream || exchange.tries > 1 || failure.kind === 'unsendable' || failure.wasAnswered) return undefined
  if (failure.wasSent && !idempotent.has(exchange.request.method ?? '')) return undefined
  if (body === 'stream' && exchange.bytesIn > 0) return undefined
  const other = upstream.pickOther(target, nowMs)
  if (other || failure.kind !== 'broken') return other
  return upstream.pickSame(target, nowMs) // a kept connection that the target closed meanwhile breaks as it is used
}

function toProblem(exchange: Exchange, { kind, error }: Failure): Problem {
  const facts = { upstream: exchange.target, tries: exchange.tries, traceId: exchange.trace.traceId, error }
  exchange.core.log('debug', 'Request was not answered by its upstream.', facts)
  if (kind === 'unsendable')
    return {
      status: 400,
      outcome: 'client_error',
      detail: `The request cannot be passed on: ${error.message}. Correct its path and headers.`,
    }
  if (kind === 'late')
    return { status: 504, outcome: 'upstream_timeout', detail: 'The upstream did not answer in time. Try again later.' }
  if (kind === 'unreachable')
    return { status: 502, outcome: 'upstream_unreachable', detail: 'The upstream cannot be reached. Try again later.' }
  return {
    status: 502,
    outcome: 'upstream_error',
    detail: 'The upstream broke off without an answer. Try again later.',
  }
}
