import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { authenticate, authorize } from './access.ts'
import { clientAddress, peerOf } from './client-address.ts'
import type { Core } from './core.ts'
import { merged } from './detail/recording.ts'
import { Exchange, type GatewayResponse } from './exchange.ts'
import type { Rule, Verdict } from './limit.ts'
import { hasEncodedSlash, hasParameters, normalPath, withoutParameters } from './path.ts'
import { clientOf } from './privacy/address.ts'
import { type Problem, refuse } from './problem.ts'
import { withoutParameter } from './query.ts'
import { parseRequestTarget } from './request-target.ts'
import type { Api } from './snapshot.ts'
import { traceOf } from './trace.ts'
import { takeBody } from './upstream/body.ts'
import { forward } from './upstream/forward.ts'

/** Begins an exchange: from here on it leaves one record, whatever becomes of it. */
export function begin(core: Core, request: IncomingMessage, response: GatewayResponse, socket: Socket): Exchange {
  const { trusted, traceRatio } = core.snapshot
  const peer = peerOf(socket, trusted)
  const forwardedFor = request.headers['x-forwarded-for']
  const clientIp = clientAddress(peer, typeof forwardedFor === 'string' ? forwardedFor : undefined)
  const trace = traceOf(single(request.headers.traceparent), traceRatio)
  return new Exchange(core, request, response, peer, clientIp, trace)
}

/** Serves a request: finds its route, lets it pass or refuses it, and sends it on. */
export function serve(exchange: Exchange): void {
  const problem = admit(exchange)
  capture(exchange)
  if (problem) refuse(exchange, problem)
  else limit(exchange)
}

/** Has the request’s headers and bodies noted, where its route or its consumer asks for it. */
function capture(exchange: Exchange): void {
  const { core, route, consumer, keyId, upgrade } = exchange
  const ofRoute = route?.recording
  const ofConsumer = consumer?.recording
  if ((!ofRoute && !ofConsumer) || upgrade) return
  const recording = merged(ofRoute, ofConsumer, { keyId, nowMs: core.wallOffsetMs + exchange.startedMs })
  if (recording) exchange.capture = core.details.capture(recording)
}

/** Everything that is decided at once: a problem where the request must not pass. */
function admit(exchange: Exchange): Problem | undefined {
  const { request, core, snapshot } = exchange
  const url = request.url ?? ''
  const target = parseRequestTarget(url, request.headers.host)
  if ('fault' in target) return unclear(target.fault)
  exchange.host = target.host
  exchange.path = target.path
  exchange.query = target.query
  const fault = headFault(request)
  if (fault !== undefined) return unclear(fault)
  if (request.method === 'TRACE') return noTrace
  if (core.live.size + core.tunnels.size > snapshot.limits.concurrency) return overloaded
  const path = normalPath(target.path)
  if (path === undefined) return unclear(oddPath)
  const routed = hasParameters(path) ? withoutParameters(path) : path
  const route = snapshot.router.find(target.host, request.method ?? '', routed)
  if (!route) return unmatched(exchange, routed)
  exchange.route = route
  exchange.upstreamUrl = upstreamPath(route.api, path) + upstreamQuery(route.api, target.query)
  if (routed !== path && !takesParameters(route.api, path)) return unclear(pathParameters)
  if (!route.api.keepsEncodedSlashes && hasEncodedSlash(path)) return unclear(encodedSlash)
  return authenticate(exchange, route.api) ?? authorize(route.allow, exchange.consumer)
}

function limit(exchange: Exchange): void {
  const rules = rulesOf(exchange)
  if (rules.length === 0) {
    takeBody(exchange, forward)
    return
  }
  const who = exchange.consumer?.name ?? clientOf(exchange.clientIp)
  const verdict = exchange.core.limiter.take(rules, who, exchange.startedMs)
  if (verdict instanceof Promise) void verdict.then((late) => judge(exchange, late))
  else judge(exchange, verdict)
}

function rulesOf({ route, consumer }: Exchange): readonly Rule[] {
  const ofRoute = route?.rules ?? []
  const ofPlan = consumer?.rules
  if (ofPlan === undefined || ofPlan.length === 0) return ofRoute
  return ofRoute.length === 0 ? ofPlan : [...ofRoute, ...ofPlan]
}

function judge(exchange: Exchange, verdict: Verdict): void {
  if (exchange.hasEnded) return
  exchange.verdict = verdict
  if (verdict.isAllowed) takeBody(exchange, forward)
  else refuse(exchange, limited(verdict))
}

function limited({ limit: requests, retryAfterMs }: Verdict): Problem {
  const seconds = Math.ceil(retryAfterMs / 1000)
  return {
    status: 429,
    outcome: 'rate_limited',
    detail: `The rate limit of ${requests} requests is used up. Try again in ${seconds} s; refused requests do not count.`,
    headers: ['retry-after', String(seconds)],
  }
}

/** In a base path that is taken off, nobody could say what belongs to it. */
function takesParameters({ keepsParameters, strip }: Api, path: string): boolean {
  return keepsParameters && !hasParameters(path.slice(0, strip)) && (path[strip] ?? '/') === '/'
}

function upstreamPath({ strip }: Api, path: string): string {
  if (strip === 0) return path
  return path.length > strip ? path.slice(strip) : '/'
}

function upstreamQuery({ needsKey, key }: Api, query: string): string {
  return needsKey && key.query !== undefined && query !== '' ? withoutParameter(query, key.query) : query
}

/** What no honest client sends, though the parser lets it pass. */
function headFault({ headers, rawHeaders, httpVersionMajor, httpVersionMinor }: IncomingMessage): string | undefined {
  if (httpVersionMajor !== 1) return 'The protocol spoken here is HTTP/1.1.'
  if (headers.host === undefined && httpVersionMinor > 0) return 'A request has a Host header.'
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked')
    return 'The only transfer coding that is taken is chunked.'
  if (encoding !== undefined && httpVersionMinor === 0) return 'HTTP/1.0 has no transfer codings.'
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] as string).length === 4 && (rawHeaders[i] as string).toLowerCase() === 'host') hosts++ // names and values alternate
  }
  return hosts > 1 ? 'A request has one Host header only.' : undefined
}

function unclear(detail: string): Problem {
  return { status: 400, outcome: 'client_error', detail }
}

const oddPath = 'The path has dot segments, backslashes, control characters or broken percent-encoding.'
const encodedSlash = 'The path has an encoded slash or backslash, which this API does not take.'

const pathParameters = 'The path has parameters (`;` or %3B), which this API does not take.'

const noTrace: Problem = {
  status: 405,
  outcome: 'client_error',
  detail: 'TRACE is not answered here, as it would repeat credentials to whoever asks.',
  headers: ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
}

const overloaded: Problem = {
  status: 503,
  outcome: 'gateway_error',
  detail: 'The gateway serves as many requests as it may. Try again in a second.',
  headers: ['retry-after', '1'],
}

function unmatched({ snapshot, host, request }: Exchange, path: string): Problem {
  const methods = snapshot.router.methods(host, path)
  if (methods.size === 0)
    return { status: 404, outcome: 'client_error', detail: 'No API has this path. Check the host and the path.' }
  const allowed = [...methods].sort().join(', ')
  return {
    status: 405,
    outcome: 'client_error',
    detail: `This path does not take ${request.method}. It takes ${allowed}.`,
    headers: ['allow', allowed],
  }
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
