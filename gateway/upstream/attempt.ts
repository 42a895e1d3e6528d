import type { Duplex } from 'node:stream'
import { outcomeOfStatus } from '../../record/outcome.ts'
import type { Exchange, Work } from '../exchange.ts'
import { type AnswerHead, toAnswerHead } from './answer-head.ts'
import { type Body, BodyStream, refuseStalled, refuseTooLarge } from './body.ts'
import { type Carrier, isUnsendable, isWhole, type Outgoing, type RawHeaders, type Sendable } from './carrier.ts'
import { Relay } from './relay.ts'
import type { Target } from './target.ts'

/** How an attempt failed before there was an answer. */
export interface Failure {
  readonly kind: 'unreachable' | 'broken' | 'late' | 'unsendable'
  readonly error: Error
  /** Whether the target may have seen the request. */
  readonly wasSent: boolean
  /** Whether the head of an answer came. */
  readonly wasAnswered: boolean
}

type Cause = Pick<Failure, 'kind' | 'error'>

/** What the attempt does not decide itself. */
export interface AttemptOwner {
  /** There is no answer from this target. */
  failed(attempt: Attempt, failure: Failure): void
  /** The target answered that it speaks the protocol that was asked for. */
  upgraded(attempt: Attempt, head: AnswerHead, socket: Duplex): void
}

/** One request to one target: what the connection tells of it goes to the relay, or to the owner. */
export class Attempt implements Sendable, Work {
  readonly exchange: Exchange
  readonly target: Target
  readonly body: Body
  readonly options: Outgoing
  carrier: Carrier | undefined = undefined
  next: Sendable | undefined = undefined
  queuedAtMs = 0
  isOver = false
  readonly #owner: AttemptOwner
  #stream: BodyStream | undefined = undefined
  #abort: ((error?: Error) => void) | undefined = undefined
  #relay: Relay | undefined = undefined

  constructor(exchange: Exchange, target: Target, body: Body, headers: string[], owner: AttemptOwner) {
    this.exchange = exchange
    this.target = target
    this.body = body
    this.#owner = owner
    if (body === 'stream') this.#stream = new BodyStream(exchange, () => this.#tooLarge())
    const method = exchange.request.method ?? ''
    this.options = {
      path: target.pathPrefix + exchange.upstreamUrl,
      method,
      headers,
      body: body === 'stream' ? (this.#stream ?? null) : (body ?? null),
      upgrade: exchange.upgrade?.protocol ?? null,
      servername: target.servername,
    }
  }

  start(nowMs: number): void {
    const { exchange } = this
    exchange.tries++
    exchange.target = this.target.origin
    exchange.work = this
    if (exchange.askedMs === 0) exchange.askedMs = nowMs
    exchange.leave(nowMs)
    exchange.deadlineMs = nowMs + (exchange.route?.responseMs ?? 0)
    this.target.pool.send(this)
  }

  abandon(): void {
    if (this.isOver) return
    this.isOver = true
    this.#relay?.stop()
    this.#stream?.destroy()
    this.target.undecided()
    this.#abort?.()
  }

  expire(nowMs: number): void {
    const { exchange } = this
    const relay = this.#relay
    if (relay && exchange.response.writableNeedDrain) return void exchange.cut(relay.head.status, 'client_aborted')
    if (!relay && this.#stream?.isHungry && !exchange.request.complete) {
      this.abandon()
      return void refuseStalled(exchange)
    }
    this.#fail({ kind: 'late', error: new Error('The deadline has passed.') }, nowMs)
    this.#abort?.()
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.isOver) abort()
  }

  onHeaders(status: number, raw: RawHeaders, resume: () => void): boolean {
    if (this.isOver || status < 200) return true
    const nowMs = performance.now()
    const head = toAnswerHead(status, raw)
    const fault = faultOf(head)
    if (fault !== undefined) {
      this.#fail({ kind: 'broken', error: new Error(fault) }, nowMs)
      this.#abort?.()
      return true
    }
    const { exchange } = this
    exchange.answeredMs = nowMs
    exchange.deadlineMs = nowMs + (exchange.route?.idleMs ?? 0)
    if (exchange.route?.api.upstream.failureStatuses.has(status)) this.#targetFailed(nowMs)
    else this.#targetSucceeded()
    this.#relay = new Relay(exchange, head, resume)
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.isOver || !this.#relay) return true
    this.exchange.deadlineMs = performance.now() + (this.exchange.route?.idleMs ?? 0)
    return this.#relay.data(chunk)
  }

  onComplete(): void {
    if (!this.isOver && this.#relay) this.#complete(this.#relay)
    if (this.carrier) this.target.pool.release(this.carrier)
  }

  onUpgrade(status: number, raw: RawHeaders | null, socket: Duplex): void {
    if (this.carrier) this.target.pool.discard(this.carrier) // the connection is no longer the pool's
    if (this.isOver) return void socket.destroy()
    this.isOver = true
    this.exchange.work = undefined
    this.exchange.answeredMs = performance.now()
    this.#targetSucceeded()
    this.#owner.upgraded(this, toAnswerHead(status, raw ?? []), socket)
  }

  onError(error: Error): void {
    if (this.carrier) this.target.pool.discard(this.carrier)
    if (this.isOver) return
    if (this.#relay && isWhole(this.#relay.head, error)) return void this.#complete(this.#relay)
    const kind = isUnsendable(error) ? 'unsendable' : this.#abort ? 'broken' : 'unreachable'
    this.#fail({ kind, error }, performance.now())
  }

  #complete(relay: Relay): void {
    this.isOver = true
    const { exchange } = this
    exchange.work = undefined
    const { status } = relay.head
    exchange.settle(status, outcomeOfStatus(status, exchange.route?.expected))
    const nowMs = performance.now()
    exchange.deadlineMs = nowMs + exchange.snapshot.timeouts.idleMs
    if (!exchange.response.writableNeedDrain) exchange.back(nowMs)
    relay.complete()
  }

  #fail({ kind, error }: Cause, nowMs: number): void {
    this.isOver = true
    const { exchange } = this
    exchange.work = undefined
    this.#stream?.destroy()
    if (kind === 'unsendable') this.target.undecided()
    else this.#targetFailed(nowMs)
    const relay = this.#relay
    if (relay && !relay.stop()) {
      exchange.core.log('debug', 'Upstream broke off its answer.', { upstream: this.target.origin, error })
      return void exchange.cut(relay.head.status, kind === 'late' ? 'upstream_timeout' : 'upstream_error')
    }
    if (!relay) exchange.answeredMs = nowMs
    this.#owner.failed(this, { kind, error, wasSent: this.#abort !== undefined, wasAnswered: relay !== undefined })
  }

  #tooLarge(): void {
    this.abandon()
    refuseTooLarge(this.exchange)
  }

  #targetFailed(nowMs: number): void {
    if (this.target.failed(nowMs))
      this.exchange.core.log('warn', 'Target failed several times in a row; it is skipped for a while.', {
        target: this.target.origin,
      })
  }

  #targetSucceeded(): void {
    if (this.target.succeeded()) this.exchange.core.log('info', 'Target answers again.', { target: this.target.origin })
  }
}

/** Why an answer cannot be passed on; undefined where it can. */
function faultOf({ status, oddCoding }: AnswerHead): string | undefined {
  if (status > 599) return `HTTP has no status ${status}.`
  return oddCoding === undefined ? undefined : `The transfer coding is ${oddCoding} in place of chunked.`
}
