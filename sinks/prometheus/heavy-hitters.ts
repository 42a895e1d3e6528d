import { detached } from './row.ts'

/** 1,000,000 requests: then what was counted is halved, so that who is heavy now is not outweighed by who was last month. */
const windowRequests = 1_000_000
/** Before this many, nobody is heavy: shares of few requests are chance. */
const fewRequests = 100

/**
 * Who makes the most requests among any number of names, in little memory (Misra and Gries; merged as Agarwal et al. do).
 * A count is never too high and at most `total / (capacity + 1)` too low. Immutable, so that a block that comes again finds what it found before.
 */
export class HeavyHitters {
  readonly total: number
  readonly #capacity: number
  readonly #counts: ReadonlyMap<string, number>

  constructor(capacity: number, total = 0, counts: ReadonlyMap<string, number> = new Map()) {
    this.#capacity = capacity
    this.total = total
    this.#counts = counts
  }

  /** Whether the name has surely made at least this share of the requests. */
  isHeavy(name: string, share: number): boolean {
    const count = this.#counts.get(name) ?? 0
    return count >= fewRequests && count >= this.total * share
  }

  /** With the requests of one more block, by name. */
  with(block: ReadonlyMap<string, number>): HeavyHitters {
    const counts = new Map(this.#counts)
    let total = this.total
    for (const [name, requests] of block) {
      counts.set(name, (counts.get(name) ?? 0) + requests)
      total += requests
    }
    const most = this.#largestToDrop(counts)
    const half = total > windowRequests ? 2 : 1
    const kept = new Map<string, number>()
    for (const [name, count] of counts) {
      if (count > most) kept.set(this.#counts.has(name) ? name : detached(name), (count - most) / half)
    }
    return new HeavyHitters(this.#capacity, total / half, kept)
  }

  /** The largest count that has no place among the others; 0 where all have one. */
  #largestToDrop(counts: ReadonlyMap<string, number>): number {
    if (counts.size <= this.#capacity) return 0
    const ascending = Float64Array.from(counts.values()).sort()
    return ascending[counts.size - 1 - this.#capacity] ?? 0
  }

  /** What `fromSaved` takes. */
  toSaved(): unknown {
    return [this.total, ...this.#counts].flat()
  }

  static fromSaved(capacity: number, saved: unknown): HeavyHitters {
    if (!Array.isArray(saved)) return new HeavyHitters(capacity)
    const [total, ...flat] = saved
    const pairs = Array.from({ length: flat.length / 2 }, (_, i): [string, number] => [flat[2 * i], flat[2 * i + 1]])
    return new HeavyHitters(capacity, Number(total), new Map(pairs))
  }
}
