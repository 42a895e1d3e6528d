import type { HeldRecord } from './holdings.ts'
import type { LifeLedger } from './ledger.ts'
import { idOf, type Life, placeOf } from './record.ts'

/** A life of a producer with all that is known of it. */
export interface JudgedLife extends LifeLedger {
  readonly life: Life
  /** Records that the local log says it took of this boot. */
  readonly appended: number
}

/** Which records there must be, by life: the first of those that the recorder took, as many as the log says were made durable. */
export class Accepted {
  readonly lives: readonly JudgedLife[]
  readonly #flags: ReadonlyMap<number, Uint8Array>

  constructor(lives: readonly JudgedLife[]) {
    this.lives = lives
    this.#flags = new Map(lives.map((one) => [one.life.number, flagsOf(one)]))
  }

  get records(): number {
    return this.lives.reduce((sum, { appended }) => sum + appended, 0)
  }

  has(life: number, n: number): boolean {
    return this.#flags.get(life)?.[n] === 1
  }

  /** All of them, with their life. */
  *each(): Generator<{ life: JudgedLife; n: number }> {
    for (const life of this.lives) {
      const flags = this.#flags.get(life.life.number) ?? new Uint8Array()
      for (let n = 0; n < flags.length; n++) if (flags[n] === 1) yield { life, n }
    }
  }
}

function flagsOf({ made, refused, appended }: JudgedLife): Uint8Array {
  const flags = new Uint8Array(made).fill(1)
  for (const [from, to] of refused) flags.fill(0, from, to)
  let left = appended
  for (let n = 0; n < made; n++) if (flags[n] === 1 && left-- <= 0) flags[n] = 0
  return flags
}

/** What is wrong with what one sink holds. */
export interface SinkTally {
  readonly held: number
  readonly lost: number
  /** Copies beyond the first. */
  readonly doubled: number
  /** Copies beyond the first that came with a group of which not all had come before, or had not come together. */
  readonly doubledInPart: number
  /** Held, but never accepted: by no life, beyond what was durable, or with an id that is not the content's. */
  readonly foreign: number
  readonly deadLettered: number
  /** Dead letters of records that are not at fault, or that the sink holds all the same. */
  readonly wrongDeadLetters: number
  /** One of the lost, doubled or foreign ones, to look for. */
  readonly example: string | undefined
}

/** Counts how often a sink holds each record. */
export class SinkCount {
  readonly #accepted: Accepted
  readonly #times: ReadonlyMap<number, Uint8Array>
  readonly #lives: ReadonlyMap<number, JudgedLife>
  #held = 0
  #doubled = 0
  #doubledInPart = 0
  #foreign = 0
  #deadLettered = 0
  #wrongDeadLetters = 0
  #example: string | undefined

  constructor(accepted: Accepted) {
    this.#accepted = accepted
    this.#times = new Map(accepted.lives.map(({ life, made }) => [life.number, new Uint8Array(made)]))
    this.#lives = new Map(accepted.lives.map((one) => [one.life.number, one]))
  }

  /** Records that came together. */
  hold(group: readonly HeldRecord[]): void {
    let again = 0
    for (const { id, path } of group) {
      this.#held++
      const place = this.#placeOf(id, path)
      if (!place) {
        this.#foreign++
        this.#example ??= `${id} ${path}, which was not accepted`
      } else if (this.#count(place.life, place.n) > 1) {
        again++
        this.#example ??= `${id} ${path}, which is there more than once`
      }
    }
    this.#doubled += again
    if (again > 0 && again < group.length) this.#doubledInPart += again
  }

  deadLetter({ id, path }: HeldRecord): void {
    this.#deadLettered++
    const place = this.#placeOf(id, path)
    const isAtFault = place && this.#lives.get(place.life)?.poison.has(place.n)
    if (!isAtFault || this.#count(place.life, place.n) > 1) this.#wrongDeadLetters++
  }

  result(): SinkTally {
    let lost = 0
    for (const { life, n } of this.#accepted.each()) {
      if (this.#times.get(life.life.number)?.[n] !== 0) continue
      lost++
      this.#example ??= `/chaos/${life.life.number}/${n}, which is not there`
    }
    return {
      held: this.#held,
      lost,
      doubled: this.#doubled,
      doubledInPart: this.#doubledInPart,
      foreign: this.#foreign,
      deadLettered: this.#deadLettered,
      wrongDeadLetters: this.#wrongDeadLetters,
      example: this.#example,
    }
  }

  #placeOf(id: string, path: string) {
    const place = placeOf(path)
    const life = place && this.#lives.get(place.life)?.life
    if (!life || !this.#accepted.has(place.life, place.n) || idOf(life, path, place.n) !== id) return undefined
    return place
  }

  /** How often it has come now; more than 255 times count as that. */
  #count(life: number, n: number): number {
    const times = this.#times.get(life)! // only asked for lives that are there
    times[n] = Math.min(255, (times[n] ?? 0) + 1)
    return times[n]
  }
}
