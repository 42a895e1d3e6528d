import type { IncomingMessage } from 'node:http'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { RequestRecord } from '../record/fields.ts'
import { newRecordId } from '../record/id.ts'
import type { Outcome } from '../record/outcome.ts'
import type { Peer } from './client-address.ts'
import type { Core } from './core.ts'
import type { Capture } from './detail/capture.ts'
import type { Captured } from './detail/detail.ts'
import type { Verdict } from './limit.ts'
import { shownPath } from './privacy/shown-path.ts'
import type { Consumer, Route, Snapshot } from './snapshot.ts'
import type { Trace } from './trace.ts'

/** What can be given up while an exchange waits for it: an attempt at an upstream. */
export interface Work {
  /** Nobody waits for it any more: it lets go of everything and says nothing. */
  abandon(): void
  /** The exchange's deadline has passed. */
  expire(nowMs: number): void
}

/** A connection that is to speak another protocol, and what of it was read already. */
export interface Upgrade {
  readonly protocol: string
  readonly socket: Socket
  readonly head: Buffer
}

/** The response of a request, which knows its exchange. */
export class GatewayResponse extends ServerResponse {
  exchange: Exchange | undefined = undefined
}

/**
 * One request from its head to the end of its answer, and the record that it leaves behind. Whoever ends it says how:
 * `settle` before the last byte is handed over. What ends without that was left by the client.
 */
export class Exchange {
  readonly core: Core
  readonly snapshot: Snapshot
  readonly request: IncomingMessage
  readonly response: GatewayResponse
  readonly peer: Peer
  readonly trace: Trace
  readonly clientIp: string
  /** By `performance.now()`, as all times here. */
  readonly startedMs: number
  /** As it was asked for, without the query string. */
  path = ''
  /** From its question mark; empty where there is none. */
  query = ''
  host = ''
  /** Path and query as the upstream is asked for them. */
  upstreamUrl = ''
  route: Route | undefined = undefined
  consumer: Consumer | undefined = undefined
  keyId = ''
  /** Lower-case name of the header to keep from the upstream, as it held the key. */
  keyHeader = ''
  verdict: Verdict | undefined = undefined
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false
  /** Set where the request asks for another protocol than HTTP on its connection. */
  upgrade: Upgrade | undefined = undefined
  /** Set where headers or bodies are to be recorded. */
  capture: Capture | undefined = undefined
  work: Work | undefined = undefined
  /** Since when the client could send its body, were it not for the upstream’s pauses; 0 before. */
  bodySinceMs = 0
  /** When what it waits for has taken too long. */
  deadlineMs = Number.POSITIVE_INFINITY
  /** Place in the list of live ones; the list's own. */
  slot = -1
  status = 0
  outcome: Outcome | undefined = undefined
  bytesIn = 0
  bytesOut = 0
  target = ''
  tries = 0
  /** When an upstream was first asked; 0 where none was. */
  askedMs = 0
  /** When the answer's head came, or the last try failed; 0 before. */
  answeredMs = 0
  #awaySinceMs = 0
  #awayMs = 0
  #isDecided = false

  constructor(
    core: Core,
    request: IncomingMessage,
    response: GatewayResponse,
    peer: Peer,
    clientIp: string,
    trace: Trace,
  ) {
    this.startedMs = performance.now()
    this.core = core
    this.snapshot = core.snapshot
    this.snapshot.users++
    this.request = request
    this.response = response
    this.peer = peer
    this.clientIp = clientIp
    this.trace = trace
    response.exchange = this
    response.on('close', closed)
    core.live.add(this)
  }

  /** From now on it waits for somebody else: the client's body, the upstream, or the client taking its answer. */
  leave(nowMs: number): void {
    if (this.#awaySinceMs === 0) this.#awaySinceMs = nowMs
  }

  /** What it waited for is there. */
  back(nowMs: number): void {
    if (this.#awaySinceMs === 0) return
    this.#awayMs += nowMs - this.#awaySinceMs
    this.#awaySinceMs = 0
  }

  /** A part of the request’s body came. */
  received(chunk: Buffer): void {
    this.bytesIn += chunk.length
    if (this.capture) this.capture.requestBody?.take(chunk)
  }

  /** A part of the answer’s body goes to the client. */
  sent(chunk: Buffer): void {
    this.bytesOut += chunk.length
    if (this.capture) this.capture.responseBody?.take(chunk)
  }

  /** Nothing of the answer so far went out: another one takes its place. */
  restartAnswer(): void {
    this.bytesOut = 0
    this.capture?.responseBody?.restart()
  }

  get hasEnded(): boolean {
    return this.slot < 0
  }

  /** Says how it ends, unless the client leaves before. */
  settle(status: number, outcome: Outcome): void {
    this.status = status
    this.outcome = outcome
  }

  /** Ends it in the middle of its answer, in a way that no client takes for the end of a whole one. */
  cut(status: number, outcome: Outcome): void {
    if (this.hasEnded) return
    this.settle(status, outcome)
    this.#isDecided = true
    const { socket } = this.response
    if (socket instanceof TLSSocket || !socket) this.response.destroy()
    else socket.resetAndDestroy()
  }

  /** Ends it now, though its response was not used: another protocol has taken over the connection. */
  finish(): void {
    this.#isDecided = true
    this.end()
  }

  /** Its deadline has passed. */
  expire(nowMs: number): void {
    if (this.work) this.work.expire(nowMs)
    else this.cut(this.response.statusCode, 'client_aborted') // the answer is there, and the client does not take it
  }

  /** The answer is out, or the client is gone. */
  end(): void {
    if (this.hasEnded) return
    this.core.live.remove(this)
    this.snapshot.users--
    const { headersSent, statusCode, writableFinished } = this.response
    if (!writableFinished && !this.#isDecided) this.settle(headersSent ? statusCode : 499, 'client_aborted')
    this.work?.abandon()
    this.work = undefined
    const record = this.#toRecord(performance.now())
    this.core.counts.ended(record.outcome, record.status)
    if (this.capture) this.core.details.record(record, this.#captured(this.capture))
    else this.core.recorder.record(record)
  }

  #captured(capture: Capture): Captured {
    const { request, query, response, snapshot, clientIp, peer, bytesIn, bytesOut } = this
    const { privacy } = snapshot
    const announced = request.headers['content-length']
    return {
      capture,
      request,
      query,
      privacy,
      hidden: [clientIp, peer.address].filter((address) => privacy.address(address) !== address),
      bytesIn,
      bytesOut,
      isRequestWhole: request.complete && (announced === undefined || Number(announced) === bytesIn),
      isResponseWhole: response.writableFinished,
    }
  }

  #toRecord(nowMs: number): RequestRecord {
    this.back(nowMs)
    const { snapshot, request, route, consumer } = this
    const { privacy } = snapshot
    const api = route?.api
    const method = request.method ?? ''
    const totalMs = nowMs - this.startedMs
    const startedAtMs = this.core.wallOffsetMs + this.startedMs
    const endpoint = route === undefined ? '{unmatched}' : route.endpoint(method)
    return {
      id: newRecordId(startedAtMs),
      weight: 1,
      ts: Math.round(startedAtMs * 1000),
      org: api === undefined ? snapshot.org : api.org,
      gateway: snapshot.name,
      region: snapshot.region,
      api: api === undefined ? '' : api.name,
      apiVersion: api === undefined ? '' : api.version,
      route: route === undefined ? '' : route.template,
      endpoint,
      method,
      host: this.host,
      path: route === undefined ? shownPath(this.path) : route.shownPath(this.path),
      status: this.status,
      outcome: this.outcome ?? 'gateway_error',
      consumer: consumer === undefined ? '' : consumer.name,
      team: consumer === undefined ? '' : consumer.team,
      keyId: this.keyId,
      plan: consumer === undefined ? '' : consumer.plan,
      useCase: route?.useCase ?? endpoint,
      totalUs: toUs(totalMs),
      gatewayUs: toUs(totalMs - this.#awayMs),
      upstreamUs: this.askedMs === 0 ? 0 : toUs((this.answeredMs || nowMs) - this.askedMs),
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      clientIp: privacy.address(this.clientIp),
      userAgent: privacy.userAgent(request.headers['user-agent']),
      referer: privacy.referer(request.headers.referer),
      country: '',
      upstream: this.target,
      tries: this.tries,
      cache: '',
      variant: '',
      traceId: this.trace.traceId,
      spanId: this.trace.spanId,
      tags: snapshot.tagsOf(this),
      detail: null,
    }
  }
}

function closed(this: GatewayResponse): void {
  this.exchange?.end()
}

function toUs(ms: number): number {
  return ms > 0 ? Math.round(ms * 1000) : 0
}
