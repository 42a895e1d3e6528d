import { type Limiter, periodsMs, type Rule, type Verdict } from './limit.ts'
import type { RateLimitOptions } from './limit-options.ts'

/*
  GCRA, the leaky bucket without a bucket: of each caller only one time is kept, when its allowance will be full again.

        now             fullAt
    ─────┼────────────────┼──────────►      intervalMs   one request comes back in this time
         │◄──── used ────►│                 used + intervalMs ≤ burst × intervalMs: the request may pass
*/

class LocalRule implements Rule {
  readonly name: string
  options: RateLimitOptions
  burst = 0
  intervalMs = 0
  /** When each caller's allowance is full again. Least recently new first. */
  readonly fullAtMs = new Map<string, number>()

  constructor(name: string, options: RateLimitOptions) {
    this.name = name
    this.options = options
  }

  set(options: RateLimitOptions): void {
    this.options = options
    this.burst = options.burst ?? options.requests
    this.intervalMs = periodsMs[options.per] / options.requests
  }
}

/** 200,000 callers: about 20 MB. Beyond it those whose allowance is full are forgotten, which changes nothing for them. */
const callersMax = 200_000
/** A millionth of a request: sums of fractions of a millisecond must not cost a caller one. */
const epsilon = 1e-6

/** Counts within this process. Memory is bounded: with more callers than fit, the oldest start afresh. */
export class LocalLimiter implements Limiter {
  readonly #rules = new Map<string, LocalRule>()
  readonly #callersMax: number
  /** Callers remembered so far, under all rules together. */
  #added = 0

  constructor({ callersMax: max = callersMax } = {}) {
    this.#callersMax = max
  }

  rule(name: string, options: RateLimitOptions): Rule {
    const rule = this.#rules.get(name) ?? new LocalRule(name, options)
    rule.set(options)
    this.#rules.set(name, rule)
    return rule
  }

  take(rules: readonly Rule[], who: string, nowMs: number): Verdict {
    let tightest: Verdict | undefined
    for (const rule of rules as readonly LocalRule[]) {
      const verdict = peek(rule, callerOf(rule, who), nowMs)
      if (!tightest || isTighter(verdict, tightest)) tightest = verdict
    }
    if (!tightest) throw new RangeError('A request was counted against no rule.')
    if (tightest.isAllowed)
      for (const rule of rules as readonly LocalRule[]) this.#count(rule, callerOf(rule, who), nowMs)
    return tightest
  }

  /** Callers whose allowance is not known to be full. */
  get size(): number {
    let size = 0
    for (const rule of this.#rules.values()) size += rule.fullAtMs.size
    return size
  }

  #count(rule: LocalRule, caller: string, nowMs: number): void {
    const fullAtMs = rule.fullAtMs.get(caller)
    rule.fullAtMs.set(caller, Math.max(fullAtMs ?? 0, nowMs) + rule.intervalMs)
    if (fullAtMs === undefined && ++this.#added % 1024 === 0) this.#forget(nowMs) // looked at rarely, as it costs a walk over the rules
  }

  #forget(nowMs: number): void {
    if (this.size < this.#callersMax) return
    for (const { fullAtMs } of this.#rules.values()) {
      for (const [caller, at] of fullAtMs) if (at <= nowMs) fullAtMs.delete(caller)
    }
    const rules = [...this.#rules.values()].sort((a, b) => b.fullAtMs.size - a.fullAtMs.size)
    let surplus = this.size - this.#callersMax * 0.9 // a tenth of room, so that the next walk is far off
    for (const { fullAtMs } of rules) {
      for (const caller of fullAtMs.keys()) {
        if (surplus-- <= 0) return
        fullAtMs.delete(caller)
      }
    }
  }
}

function callerOf(rule: LocalRule, who: string): string {
  return rule.options.by === 'everyone' ? '' : who
}

/** The verdict on a request, which is counted in it but not yet in the rule. */
function peek({ fullAtMs, burst, intervalMs }: LocalRule, caller: string, nowMs: number): Verdict {
  const used = Math.max(0, (fullAtMs.get(caller) ?? 0) - nowMs) / intervalMs
  const isAllowed = used + 1 <= burst + epsilon
  const after = isAllowed ? used + 1 : used
  return {
    isAllowed,
    limit: burst,
    remaining: Math.max(0, Math.floor(burst - after + epsilon)),
    resetMs: after * intervalMs,
    retryAfterMs: isAllowed ? 0 : (used + 1 - burst) * intervalMs,
  }
}

function isTighter(verdict: Verdict, other: Verdict): boolean {
  if (verdict.isAllowed !== other.isAllowed) return !verdict.isAllowed
  return verdict.isAllowed ? verdict.remaining < other.remaining : verdict.retryAfterMs > other.retryAfterMs
}
