import { Client, type Dispatcher } from 'undici'

/** A request on its way to a target: what is sent, and who is told what becomes of it. */
export interface Sendable extends Dispatcher.DispatchHandler {
  readonly options: Dispatcher.DispatchOptions
  /** The connection it is on; set by the pool. */
  client: Client | undefined
  /** Given up before it was sent: the pool forgets it. */
  readonly isOver: boolean
  /** Links of the pool's queue; the pool's own. */
  next: Sendable | undefined
  queuedAtMs: number
}

export interface PoolOptions {
  readonly origin: string
  /** Most connections. */
  readonly connections: number
  readonly client: Client.Options
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
  readonly #all = new Set<Client>()
  readonly #idle: Client[] = []
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
    const client = this.#idle.pop() ?? (this.size < this.#hot ? this.#open() : undefined)
    if (client) {
      request.client = client
      client.dispatch(request.options, request)
    } else this.#queue(request)
  }

  /** The request on this connection has its whole answer; called within its onComplete. */
  release(client: Client): void {
    const waiting = this.#shift()
    if (!waiting) {
      if (this.#all.has(client)) this.#idle.push(client)
      return
    }
    waiting.client = client
    client.dispatch(waiting.options, waiting) // undici sends it when it is done with the answer
  }

  /** The request on this connection failed, and the connection is closed with it. */
  discard(client: Client): void {
    this.#forget(client)
    const waiting = this.#shift()
    if (!waiting) return
    queueMicrotask(() => {
      if (!waiting.isOver) this.send(waiting) // not from within a handler of undici
    })
  }

  /** Resolves when what is on its way has ended; nothing more may be sent. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.all([...this.#all].map((client) => client.close().catch(() => {}))) // destroyed meanwhile: closed as well
  }

  get #hot(): number {
    return Math.min(hotConnections, this.#options.connections)
  }

  #open(): Client {
    const client = new Client(this.#options.origin, this.#options.client)
    this.#all.add(client)
    client.on('disconnect', () => {
      if (this.#idle.includes(client)) this.#forget(client) // closed while idle; a busy one connects again by itself
    })
    return client
  }

  #forget(client: Client): void {
    this.#all.delete(client)
    const index = this.#idle.lastIndexOf(client)
    if (index >= 0) this.#idle.splice(index, 1)
    queueMicrotask(() => void client.destroy().catch(() => {})) // not from within a handler of undici; what is closed already stays so
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
        request.client = this.#open()
        request.client.dispatch(request.options, request)
      }
      if (this.#first && this.size < this.#options.connections) this.#look()
    }, lookEveryMs)
  }
}
