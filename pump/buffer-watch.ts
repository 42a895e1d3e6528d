import type { Log } from '../runtime/log.ts'

/** One of those who ask the log: says whether it answers. */
export interface BufferLink {
  away(error: Error): void
  back(): void
}

/** Tells once that the log cannot be reached, and once that it can be again, however many ask it however often. */
export class BufferWatch {
  readonly #log: Log
  readonly #waiting = new Set<string>()
  #sinceMs = 0

  constructor(log: Log) {
    this.#log = log
  }

  /** The link of whoever goes by this name. */
  link(name: string): BufferLink {
    return {
      away: ({ message: reason }) => {
        if (this.#waiting.size === 0) {
          this.#sinceMs = performance.now()
          this.#log('warn', 'Buffer cannot be reached; it is asked until it answers.', { reason })
        }
        this.#waiting.add(name)
      },
      back: () => {
        if (!this.#waiting.delete(name) || this.#waiting.size > 0) return
        this.#log('info', 'Buffer answers again.', { awayMs: Math.round(performance.now() - this.#sinceMs) })
      },
    }
  }
}
