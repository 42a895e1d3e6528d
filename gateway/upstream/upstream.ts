import type { UpstreamOptions } from '../options.ts'
import type { Target } from './target.ts'

interface Share {
  readonly target: Target
  readonly weight: number
  /** Grows by its weight at each turn and falls by all weights when it is chosen, so that turns are spread evenly. */
  credit: number
}

/** 20 %: of the requests, retries may be so many; more would make a failing upstream's load grow. */
const retriesPerRequest = 0.2
/** 10 retries: what a quiet time saves up. */
const retriesSavedMax = 10

/** Targets that answer the same requests, taken in turn by weight. */
export class Upstream {
  readonly name: string
  readonly options: UpstreamOptions
  readonly failureStatuses: ReadonlySet<number>
  readonly #shares: Share[]
  #retries = retriesSavedMax

  constructor(name: string, options: UpstreamOptions, targets: readonly { target: Target; weight: number }[]) {
    this.name = name
    this.options = options
    this.failureStatuses = new Set(options.failureStatuses)
    this.#shares = targets.map((target) => ({ ...target, credit: 0 }))
  }

  get targets(): readonly Target[] {
    return this.#shares.map(({ target }) => target)
  }

  /** The target for a new request. Where all are down, one of them all the same: it may have recovered. */
  pick(nowMs: number): Target {
    this.#retries = Math.min(retriesSavedMax, this.#retries + retriesPerRequest)
    const [only] = this.#shares
    const target = only && this.#shares.length === 1 ? only.target : (this.#turn(nowMs, undefined) ?? this.#any())
    target.chosen(nowMs)
    return target
  }

  /** Another target for a request that failed at one; undefined where there is none, or where too much is retried already. */
  pickOther(failed: Target, nowMs: number): Target | undefined {
    if (this.#retries < 1) return undefined
    const target = this.#turn(nowMs, failed)
    if (target) this.#spend(target, nowMs)
    return target
  }

  /** The same target again, for a request whose connection turned out to be closed; undefined where too much is retried already. */
  pickSame(target: Target, nowMs: number): Target | undefined {
    if (this.#retries < 1) return undefined
    this.#spend(target, nowMs)
    return target
  }

  #spend(target: Target, nowMs: number): void {
    this.#retries--
    target.chosen(nowMs)
  }

  #turn(nowMs: number, except: Target | undefined): Target | undefined {
    let best: Share | undefined
    let total = 0
    for (const share of this.#shares) {
      if (share.target === except || !share.target.isUsable(nowMs)) continue
      share.credit += share.weight
      total += share.weight
      if (!best || share.credit > best.credit) best = share
    }
    if (best) best.credit -= total
    return best?.target
  }

  #any(): Target {
    const share = this.#shares.shift()
    if (!share) throw new RangeError(`Upstream "${this.name}" has no target.`)
    this.#shares.push(share)
    return share.target
  }
}
