import { type Match, plus, recorded, times } from './promql.ts'
import { type Recorded, requestsRate } from './recorded.ts'

/** What is promised: that requests do not fail, and that answers come in time. */
export type Objective = 'availability' | 'latency'

export interface Budget {
  readonly slo: Objective
  /** Share of the requests that may break the promise, 0 to 1. */
  readonly share: number
  /** Which apis it holds for. */
  readonly api: Match
  /** Of the latency: within how many seconds. */
  readonly boundSeconds?: number
}

/** Share of the requests of an api that may fail, or be slower than `bound`. */
export function sloBudget({ slo, share, api, boundSeconds }: Budget): Recorded<'api' | 'slo' | 'bound'> {
  return {
    name: 'penstock:slo_budget:ratio',
    help: 'Share of the requests that may break the promise `slo`',
    labels: ['api', 'slo', 'bound'],
    expr: constant(share, api),
    fixed: { slo, bound: boundSeconds === undefined ? '' : String(boundSeconds) },
  }
}

/** The share that, kept up for 30 days, spends the whole budget of the promise's own window: what burn rates are multiples of. */
export function sloPace(budget: Budget, windowDays: number): Recorded<'api' | 'slo' | 'bound'> {
  return {
    ...sloBudget(budget),
    name: 'penstock:slo_pace:ratio',
    help: 'Share of broken promises that spends the budget of the window in 30 days',
    expr: constant((budget.share * windowDays) / 30, budget.api),
  }
}

/** Requests per second that an api is built for. */
export function capacity(requestsPerSecond: number, api: Match): Recorded<'api'> {
  return {
    name: 'penstock:capacity:requests_per_second',
    help: 'Requests per second that the api is built for',
    labels: ['api'],
    expr: constant(requestsPerSecond, api),
  }
}

/** One value for each api that is known. */
function constant(value: number, api: Match) {
  return plus(times(recorded(requestsRate, { api }), 0), Number(value.toPrecision(12))) // 1 − 0.999 is not quite 0.001
}
