import type { Exchange } from './exchange.ts'

/** 100 ms: how exact deadlines are. A walk over 10,000 requests takes 0.1 ms. */
const sweepEveryMs = 100

/** Every request being served, and the watch over their deadlines: one timer for all costs nothing per request. */
export class Live implements Disposable {
  readonly #exchanges: Exchange[] = []
  readonly #timer: NodeJS.Timeout
  #whenEmpty: (() => void) | undefined

  constructor(onSweep: () => void) {
    this.#timer = setInterval(() => {
      this.#sweep(performance.now())
      onSweep()
    }, sweepEveryMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#exchanges.length
  }

  add(exchange: Exchange): void {
    exchange.slot = this.#exchanges.push(exchange) - 1
  }

  remove(exchange: Exchange): void {
    const last = this.#exchanges.pop()
    if (last && last !== exchange) {
      this.#exchanges[exchange.slot] = last
      last.slot = exchange.slot
    }
    exchange.slot = -1
    if (this.#exchanges.length === 0) this.#whenEmpty?.()
  }

  all(): readonly Exchange[] {
    return [...this.#exchanges]
  }

  /** Resolves when no request is being served. */
  async empty(): Promise<void> {
    if (this.#exchanges.length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    await promise
  }

  #sweep(nowMs: number): void {
    const late: Exchange[] = []
    for (const exchange of this.#exchanges) if (exchange.deadlineMs <= nowMs) late.push(exchange)
    for (const exchange of late) {
      exchange.deadlineMs = Number.POSITIVE_INFINITY
      exchange.expire(nowMs)
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
