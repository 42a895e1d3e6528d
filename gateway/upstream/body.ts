import { Readable } from 'node:stream'
import type { Exchange } from '../exchange.ts'
import { refuse } from '../problem.ts'

/** 64 KiB: a body that is known to be no larger is taken whole before the upstream is asked, so that it can be sent again to another target. */
const wholeBytes = 65_536

/** What goes to the upstream: nothing, a whole body, or one that streams through. */
export type Body = Buffer | 'stream' | undefined

/** How the body of a request is announced. */
export interface Announced {
  /** Bytes; −1 where it comes in chunks of no known number. */
  readonly length: number
}

export function announcedBody(exchange: Exchange): Announced | undefined {
  const { 'content-length': length, 'transfer-encoding': encoding } = exchange.request.headers
  if (encoding !== undefined) return { length: -1 }
  return length === undefined || length === '0' ? undefined : { length: Number(length) }
}

/** Calls `next` with the body, once it is known what it is; not at all where the client leaves, stalls or sends too much. */
export function takeBody(exchange: Exchange, next: (exchange: Exchange, body: Body) => void): void {
  const announced = announcedBody(exchange)
  if (!announced) return void next(exchange, undefined)
  const limit = exchange.route?.api.bodyBytes ?? 0
  if (announced.length > limit) return void refuseTooLarge(exchange)
  if (exchange.expectsContinue) exchange.response.writeContinue()
  if (announced.length < 0 || announced.length > wholeBytes) return void next(exchange, 'stream')
  takeWhole(exchange, next)
}

function takeWhole(exchange: Exchange, next: (exchange: Exchange, body: Body) => void): void {
  const { request } = exchange
  const chunks: Buffer[] = []
  waitForClient(exchange)
  exchange.work = { abandon: () => {}, expire: () => refuseStalled(exchange) }
  request.on('data', (chunk: Buffer) => {
    exchange.received(chunk)
    chunks.push(chunk)
    waitForClient(exchange)
  })
  request.on('end', () => {
    if (exchange.hasEnded) return
    exchange.work = undefined
    exchange.back(performance.now())
    next(exchange, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
  })
}

/** Until its next part the client has its idle time, but in all no more than the least pace gives it before there is an answer. */
function waitForClient(exchange: Exchange): void {
  const { snapshot, bytesIn, response } = exchange
  const { idleMs, bodyMs } = snapshot.timeouts
  const nowMs = performance.now()
  exchange.leave(nowMs)
  exchange.deadlineMs = nowMs + idleMs
  if (response.headersSent) return
  exchange.bodySinceMs ||= nowMs
  const paceMs = bodyMs + (bytesIn * 1000) / snapshot.limits.bodyBytesPerSecond
  exchange.deadlineMs = Math.min(exchange.deadlineMs, exchange.bodySinceMs + paceMs)
}

/** A body on its way through, at the pace of the slower side. */
export class BodyStream extends Readable {
  readonly #exchange: Exchange
  readonly #onTooLarge: () => void
  #isHooked = false
  /** Since when the upstream does not read; 0 while it does. */
  #pausedMs = 0
  /** Whether it waits for the client: where not, it waits for the upstream. */
  isHungry = false

  constructor(exchange: Exchange, onTooLarge: () => void) {
    super()
    this.#exchange = exchange
    this.#onTooLarge = onTooLarge
  }

  override _read(): void {
    this.isHungry = true
    this.#exchange.request.resume()
    if (this.#pausedMs > 0) this.#exchange.bodySinceMs += performance.now() - this.#pausedMs
    this.#pausedMs = 0
    if (!this.#exchange.request.complete) waitForClient(this.#exchange)
    if (this.#isHooked) return
    this.#isHooked = true
    this.#exchange.request.on('data', this.#onData).on('end', this.#onEnd)
  }

  readonly #onData = (chunk: Buffer): void => {
    const exchange = this.#exchange
    exchange.received(chunk)
    if (exchange.bytesIn > (exchange.route?.api.bodyBytes ?? 0)) return void this.#onTooLarge()
    waitForClient(exchange)
    if (this.push(chunk)) return
    this.isHungry = false
    this.#pausedMs = performance.now()
    exchange.deadlineMs = this.#pausedMs + (exchange.route?.idleMs ?? 0)
    exchange.request.pause()
  }

  readonly #onEnd = (): void => {
    const exchange = this.#exchange
    exchange.deadlineMs = performance.now() + (exchange.route?.responseMs ?? 0)
    this.push(null)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#isHooked) this.#exchange.request.off('data', this.#onData).off('end', this.#onEnd)
    const { request, response } = this.#exchange
    if (response.writableFinished) request.resume()
    else request.pause() // it goes on with the next attempt, or after the answer
    callback(error)
  }
}

export function refuseTooLarge(exchange: Exchange): void {
  refuse(exchange, {
    status: 413,
    outcome: 'client_error',
    detail: `The body is larger than the ${exchange.route?.api.bodyBytes} bytes that are taken here. Send less, or ask for the limit to be raised.`,
  })
}

export function refuseStalled(exchange: Exchange): void {
  refuse(exchange, {
    status: 408,
    outcome: 'client_error',
    detail: 'The body stopped coming, or came too slowly. Send the request again, without long pauses.',
  })
}
