import type { RateLimitOptions } from './limit-options.ts'

/** Counts requests against allowances: one process by itself, or several together through a shared store. */
export interface Limiter {
  /** An allowance by its name. The same name later, with other numbers, keeps what was counted. */
  rule(name: string, options: RateLimitOptions): Rule
  /**
   * Takes one request of `who` from each allowance, or from none where one is used up. Never throws or rejects:
   * a limiter that cannot count says by its own policy whether the request may pass.
   */
  take(rules: readonly Rule[], who: string, nowMs: number): Verdict | Promise<Verdict>
}

export interface Rule {
  readonly name: string
  readonly options: RateLimitOptions
}

/** What became of one request, by the allowance that is nearest to its end. */
export interface Verdict {
  readonly isAllowed: boolean
  /** Requests that the allowance takes at once. */
  readonly limit: number
  /** Requests that it would still take now. */
  readonly remaining: number
  /** Until it is full again. */
  readonly resetMs: number
  /** Until it takes the next request; 0 where it takes one now. */
  readonly retryAfterMs: number
}

export const periodsMs = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

/** How a client learns of its allowance (draft-ietf-httpapi-ratelimit-headers-06); nothing where there is none. */
export function limitHeaders(verdict: Verdict | undefined): string[] {
  if (!verdict) return []
  return [
    'ratelimit-limit',
    String(verdict.limit),
    'ratelimit-remaining',
    String(verdict.remaining),
    'ratelimit-reset',
    String(Math.ceil(verdict.resetMs / 1000)),
  ]
}
