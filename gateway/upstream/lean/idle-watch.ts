/** A connection that may have nothing to do. */
export interface Idle {
  /** Closes it where it has been idle for too long. */
  closeIfIdle(nowMs: number): void
}

/** 500 ms: how exactly idle connections are closed; well below the second by which an upstream is forestalled. */
const lookEveryMs = 500

/** Closes what is idle for too long: one timer for all costs nothing per request. */
export class IdleWatch {
  readonly #connections = new Set<Idle>()
  #timer: NodeJS.Timeout | undefined

  add(connection: Idle): void {
    this.#connections.add(connection)
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
  }

  remove(connection: Idle): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const nowMs = performance.now()
    for (const connection of this.#connections) connection.closeIfIdle(nowMs)
  }
}
