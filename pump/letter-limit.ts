import type { Buffer } from '../buffer/buffer.ts'
import { HaltError } from '../sinks/sink.ts'

export interface LetterLimitOptions {
  readonly sink: string
  readonly shard: string
  /** Dead letters at which no more are stored. */
  readonly maxDeadLetters: number
  readonly buffer: Pick<Buffer, 'inspect'>
  /** Asks the log again while it cannot be reached. */
  readonly persist: <T>(ask: () => Promise<T>) => Promise<T>
  /** Shows the operator what is wrong, and waits until it is time to look again. */
  readonly halt: (error: HaltError) => Promise<void>
}

/** Keeps the dead letters of one sink × shard near their limit: a sink that refuses more and more is the operator's matter. */
export class LetterLimit {
  readonly #options: LetterLimitOptions
  /** No fewer than there are; undefined until somebody looked. */
  #held: number | undefined

  constructor(options: LetterLimitOptions) {
    this.#options = options
  }

  /** Resolves once there is room: so many letters are about to be stored. */
  async room(letters: number): Promise<void> {
    if (letters === 0) return
    const { sink, maxDeadLetters, halt } = this.#options
    // Only who drops or retries letters makes them fewer, and then there is no harm in looking once too often.
    while (this.#held === undefined || this.#held >= maxDeadLetters) {
      this.#held = await this.#look()
      if (this.#held < maxDeadLetters) break
      await halt(
        new HaltError(
          `The sink ${sink} has ${this.#held} dead letters here, and its limit is ${maxDeadLetters} (maxDeadLetters). See them with penstock dead list ${sink}; then deliver them with penstock dead retry ${sink} --all, or let them go with penstock dead drop ${sink} --all.`,
        ),
      )
    }
    this.#held += letters
  }

  async #look(): Promise<number> {
    const { sink, shard, buffer, persist } = this.#options
    const reports = await persist(() => buffer.inspect())
    const ledgers = reports.find((report) => report.shard === shard)?.ledgers
    return ledgers?.find((ledger) => ledger.sink === sink)?.deadLettersHeld ?? 0
  }
}
