import type { Exchange } from '../exchange.ts'
import { limitHeaders } from '../limit.ts'
import { prepareConnection } from '../linger.ts'
import { refuse } from '../problem.ts'
import type { AnswerHead } from './answer-head.ts'

/** Heads and first chunks that wait for the end of the packet they came in. */
let held: Relay[] = []

/** What came in one packet goes out in one write: the head is held until all of the packet is known, and no longer, so that events stream. */
function hold(relay: Relay): void {
  if (held.push(relay) === 1) queueMicrotask(flushHeld)
}

function flushHeld(): void {
  const relays = held
  held = []
  for (const relay of relays) relay.flush()
}

/** Passes one answer on to the client, as fast as both sides are. */
export class Relay {
  readonly head: AnswerHead
  readonly #exchange: Exchange
  /** Lets the upstream go on after a chunk that was answered with false. */
  readonly #resume: () => void
  #chunk: Buffer | undefined = undefined
  #isBegun = false
  #isOver = false

  constructor(exchange: Exchange, head: AnswerHead, resume: () => void) {
    this.#exchange = exchange
    this.head = head
    this.#resume = resume
    hold(this)
  }

  /** Takes a chunk; false where the next must wait. */
  data(chunk: Buffer): boolean {
    this.#exchange.bytesOut += chunk.length
    if (!this.#isBegun && this.#chunk === undefined) {
      this.#chunk = chunk
      return true
    }
    this.flush()
    return this.#isOver || this.#write(chunk)
  }

  /** The answer is whole. */
  complete(): void {
    if (this.#isOver) return
    const { response } = this.#exchange
    if (!this.#isBegun) {
      const length = this.#chunk?.length ?? 0
      if (this.head.contentLength < 0 && mayHaveBody(this.#exchange, this.head.status))
        this.head.headers.push('content-length', String(length))
      if (!this.#begin()) return
    }
    this.#isOver = true
    response.end(this.#chunk)
    this.#chunk = undefined
  }

  /** There is no more to come, and it is not whole. Returns whether nothing of it has gone out yet. */
  stop(): boolean {
    this.#isOver = true
    return !this.#isBegun
  }

  /** Sends what is held. */
  flush(): void {
    if (this.#isBegun || this.#isOver || !this.#begin()) return
    const chunk = this.#chunk
    this.#chunk = undefined
    if (chunk === undefined) this.#exchange.response.flushHeaders()
    else this.#exchange.response.write(chunk) // where it is full, the next chunk is told so
  }

  #write(chunk: Buffer): boolean {
    const { response } = this.#exchange
    if (response.write(chunk)) return true
    response.once('drain', this.#resume)
    return false
  }

  /** Hands the head over; false where it cannot be sent, which is answered otherwise then. */
  #begin(): boolean {
    const { response } = this.#exchange
    if (this.#exchange.hasEnded) {
      this.#isOver = true
      return false
    }
    prepareConnection(this.#exchange)
    if (this.#exchange.verdict) this.head.headers.push(...limitHeaders(this.#exchange.verdict))
    try {
      response.writeHead(this.head.status, this.head.headers)
      this.#isBegun = true
      return true
    } catch (error) {
      this.#isOver = true
      this.#exchange.core.log('warn', 'Upstream answered with a head that cannot be passed on.', {
        upstream: this.#exchange.target,
        error,
      })
      refuse(this.#exchange, {
        status: 502,
        outcome: 'upstream_error',
        detail: 'The upstream answered with a head that is not valid. Tell the owner of the API.',
      })
      return false
    }
  }
}

function mayHaveBody({ request }: Exchange, status: number): boolean {
  return request.method !== 'HEAD' && status !== 204 && status !== 304
}
