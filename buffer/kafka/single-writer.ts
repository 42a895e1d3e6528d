import { BufferUnavailableError, FencedError } from '../buffer.ts'
import type { Message, StoredMessage } from './message.ts'
import type { Table } from './table.ts'
import { type GroupOffset, OvertakenError, type Transactor } from './transactor.ts'

/** What a look at the tables comes to. */
export interface Decision<T> {
  /** None where nothing is to be changed. */
  readonly messages: readonly Message[]
  readonly shown?: GroupOffset
  readonly result: T
}

/**
 * Changes of the keys that belong to one transactional id, by any number of processes, as if one after the other: each is decided
 * on what all before have left. Whoever changes takes the id; who had it before finds out at its next change, looks anew, and
 * decides again.
 */
export class SingleWriter {
  readonly #transactor: Transactor
  readonly #tables: readonly Table<unknown>[]
  readonly #giveUpAfterMs: number
  #last: Promise<unknown> = Promise.resolve()

  constructor(transactor: Transactor, tables: readonly Table<unknown>[], giveUpAfterMs: number) {
    this.#transactor = transactor
    this.#tables = tables
    this.#giveUpAfterMs = giveUpAfterMs
  }

  /**
   * Does what `decide` says, which looks at the tables and may be asked several times. Throws what it throws once the tables are known
   * to be new; BufferUnavailableError where it is unknown what happened.
   */
  async change<T>(decide: () => Decision<T>): Promise<T> {
    const turn = this.#last.then(() => this.#change(decide))
    this.#last = turn.catch(() => {})
    return await turn
  }

  async #change<T>(decide: () => Decision<T>): Promise<T> {
    const deadlineMs = performance.now() + this.#giveUpAfterMs
    for (let isNew = false; ; isNew = true) {
      if (!this.#transactor.isHeld) {
        await this.refresh()
        const early = decisionOf(decide, (error) => error instanceof FencedError)
        if (early?.messages.length === 0) return early.result // who has nothing to change does not disturb the one who has
        await this.#transactor.hold()
        await this.refresh()
        isNew = true
      }
      const decision = decisionOf(decide, () => isNew)
      // What needs no transaction is confirmed by none: only new tables can tell.
      if (!decision?.messages.length && !isNew) await this.refresh()
      else if (decision) {
        const done = await this.#commit(decision)
        if (done) return decision.result
        if (performance.now() > deadlineMs)
          throw new BufferUnavailableError('Kafka did not confirm a transaction in time.')
      }
    }
  }

  /** Whether it was confirmed. */
  async #commit({ messages, shown }: Decision<unknown>): Promise<boolean> {
    if (messages.length === 0) return true
    try {
      this.#apply(await this.#transactor.commit(messages, shown))
      return true
    } catch (error) {
      if (error instanceof OvertakenError) return false
      throw error
    }
  }

  /** Looks at all that was committed so far. */
  async refresh(): Promise<void> {
    await Promise.all(this.#tables.map((table) => table.refresh()))
  }

  #apply(stored: readonly StoredMessage[]): void {
    for (const table of this.#tables)
      table.apply(
        stored.filter(
          ({ topic, partition }) => topic === table.partition.topic && partition === table.partition.number,
        ),
      )
  }
}

/** Undefined where it throws, unless that is final. */
function decisionOf<T>(decide: () => Decision<T>, isFinal: (error: unknown) => boolean): Decision<T> | undefined {
  try {
    return decide()
  } catch (error) {
    if (isFinal(error)) throw error
    return undefined
  }
}
