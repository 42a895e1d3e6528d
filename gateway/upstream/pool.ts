import type { Carrier, OpenCarrier, Sendable } from './carrier.ts'

export interface PoolOptions {
  /** Most connections. */
  readonly connections: number
  readonly open: OpenCarrier
}

/** 64: so many are opened as soon as they are wanted. Each more costs throughput when the process is busy: 64 made 30,600 requests/s where 400 made 20,000 to 30,000. */
const hotConnections = 64
/** 20 ms: what a request may wait for a hot connection before the pool grows. A busy process with 400 clients makes them wait 11 ms, which more connections would not mend. */
const patienceMs = 20
/** 10 ms: how often the queue is looked at while there is one. */
const lookEveryMs = 10

/** 1,024: below it, requests that were given up may lie in the queue till their turn comes. */
const sweepAtLeast = 1024

/**
 * Connections to one target, one request on each at a time. The one used last is used first, so that few stay hot and the
 * rest close by themselves; it grows beyond the hot ones only while requests wait.
 */
export class Pool {
  readonly #options: PoolOptions
  readonly #all = new Set<Carrier>()
  readonly #idle: Carrier[] = []
  #first: Sendable | undefined
  #last: Sendable | undefined
  /** In the queue, those given up meanwhile too. */
  #queued = 0
  /** When so many are queued, those given up are looked for. */
  #sweepAt = sweepAtLeast
  #timer: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Connections open or being opened. */
  get size(): number {
    return this.#all.size
  }

  /** Sends it now, or when a connection is free. */
  send(request: Sendable): void {
    const carrier = this.#idle.pop() ?? (this.size < this.#hot ? this.#open() : undefined)
    if (carrier) carry(carrier, request)
    else this.#queue(request)
  }

  /** The request on this connection has its whole answer; called within its onComplete. */
  release(carrier: Carrier): void {
    const waiting = this.#shift()
    if (waiting)
      carry(carrier, waiting) // it is sent when the connection is done with the answer
    else if (this.#all.has(carrier)) this.#idle.push(carrier)
  }

  /** The request on this connection failed, and the connection is closed with it. */
  discard(carrier: Carrier): void {
    this.#forget(carrier)
    const waiting = this.#shift()
    if (!waiting) return
    queueMicrotask(() => {
      if (!waiting.isOver) this.send(waiting) // not from within a callback of the connection
    })
  }

  /** Resolves when what is on its way has ended; nothing more may be sent. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.all([...this.#all].map((carrier) => carrier.close()))
  }

  get #hot(): number {
    return Math.min(hotConnections, this.#options.connections)
  }

  #open(): Carrier {
    const carrier = this.#options.open(() => {
      if (this.#idle.includes(carrier)) this.#forget(carrier) // closed while idle; a busy one connects again by itself
    })
    this.#all.add(carrier)
    return carrier
  }

  #forget(carrier: Carrier): void {
    this.#all.delete(carrier)
    const index = this.#idle.lastIndexOf(carrier)
    if (index >= 0) this.#idle.splice(index, 1)
    carrier.destroy()
  }

  #queue(request: Sendable): void {
    request.queuedAtMs = performance.now()
    if (this.#queued >= this.#sweepAt) this.#sweep()
    this.#queued++
    if (this.#last) this.#last.next = request
    else this.#first = request
    this.#last = request
    if (!this.#timer && this.size < this.#options.connections) this.#look()
  }

  #shift(): Sendable | undefined {
    let request = this.#first
    while (request?.isOver) {
      request = request.next
      this.#queued--
    }
    this.#first = request?.next
    if (!this.#first) this.#last = undefined
    if (request) {
      request.next = undefined
      this.#queued--
    }
    return request
  }

  /** Forgets what was given up, however long no connection becomes free: a walk each time the queue has doubled. */
  #sweep(): void {
    let request = this.#first
    this.#first = this.#last = undefined
    this.#queued = 0
    while (request) {
      const { next } = request
      request.next = undefined
      if (!request.isOver) {
        if (this.#last) this.#last.next = request
        else this.#first = request
        this.#last = request
        this.#queued++
      }
      request = next
    }
    this.#sweepAt = Math.max(sweepAtLeast, this.#queued * 2)
  }

  /** Opens a connection for each request that has waited too long, again and again while any waits. */
  #look(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const sinceMs = performance.now() - patienceMs
      while (this.#first && this.#first.queuedAtMs <= sinceMs && this.size < this.#options.connections) {
        const request = this.#shift()
        if (!request) break
        carry(this.#open(), request)
      }
      if (this.#first && this.size < this.#options.connections) this.#look()
    }, lookEveryMs)
  }
}

function carry(carrier: Carrier, request: Sendable): void {
  request.carrier = carrier
  carrier.carry(request)
}
