/** How a request ended, in one word. `ok` and `client_error` come from the upstream's answer; the rest from the gateway or the client. */
export const outcomes = [
  'ok',
  'client_error',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'quota_exceeded',
  'upstream_error',
  'upstream_timeout',
  'upstream_unreachable',
  'circuit_open',
  'gateway_error',
  'client_aborted',
] as const

export type Outcome = (typeof outcomes)[number]

/** Outcomes that count as a failure whatever the status. `upstream_error` is left to the status, which a route's `expected` may have excused. */
export const failedOutcomes = [
  'upstream_error',
  'upstream_timeout',
  'upstream_unreachable',
  'circuit_open',
  'gateway_error',
] as const satisfies readonly Outcome[]

const failing: ReadonlySet<string> = new Set(failedOutcomes)

/** The part of a record that decides whether it failed. */
export interface Ending {
  readonly status: number
  readonly outcome: Outcome
}

/** Whether a request stands on either side of the success ratio. A client that hung up says nothing about the service. */
export function isCounted({ outcome }: Pick<Ending, 'outcome'>): boolean {
  return outcome !== 'client_aborted'
}

/** Whether a request failed: through the service's own fault, never the client's. Every SQL and PromQL form is tested against this one function. */
export function isFailed({ status, outcome }: Ending): boolean {
  return outcome !== 'client_aborted' && outcome !== 'ok' && (status >= 500 || failing.has(outcome))
}

/**
 * The outcome of a request that an upstream answered with `status`.
 * `expected` are the statuses that the route declares normal, such as 404 for a look-up: they count as `ok`.
 */
export function outcomeOfStatus(status: number, expected?: ReadonlySet<number>): Outcome {
  if (status < 400 || expected?.has(status)) return 'ok'
  return status < 500 ? 'client_error' : 'upstream_error'
}

export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx'

const classes: readonly StatusClass[] = ['1xx', '2xx', '3xx', '4xx', '5xx']

/** The class of an HTTP status; the record schema admits 100 to 599 only. */
export function statusClass(status: number): StatusClass {
  return classes[Math.floor(status / 100) - 1] ?? '5xx'
}
