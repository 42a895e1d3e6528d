import { type Expr, type Match, or, plus, recorded, times } from './promql.ts'
import { type Recorded, requestsRate } from './recorded.ts'

/** What is promised: that requests do not fail, and that answers come in time. */
export type Objective = 'availability' | 'latency'

/** A number for some apis. */
export interface Constant {
  readonly value: number
  readonly api: Match
}

export interface Budget {
  readonly slo: Objective
  /** Of the latency: within how many seconds. */
  readonly boundSeconds?: number
  /** Share of the requests that may break the promise, 0 to 1. */
  readonly shares: readonly Constant[]
}

/** Share of the requests of an api that may fail, or be slower than `bound`. */
export function sloBudget({ slo, boundSeconds, shares }: Budget): Recorded<'api' | 'slo' | 'bound'> {
  return {
    name: 'penstock:slo_budget:ratio',
    help: 'Share of the requests that may break the promise `slo`',
    labels: ['api', 'slo', 'bound'],
    expr: constants(shares),
    fixed: { slo, bound: boundSeconds === undefined ? '' : String(boundSeconds) },
  }
}

/** The share that, kept up for 30 days, spends the whole budget of the promise's own window: what burn rates are multiples of. */
export function sloPace(budget: Budget, windowDays: number): Recorded<'api' | 'slo' | 'bound'> {
  const shares = budget.shares.map(({ value, api }) => ({ api, value: (value * windowDays) / 30 }))
  return {
    ...sloBudget({ ...budget, shares }),
    name: 'penstock:slo_pace:ratio',
    help: 'Share of broken promises that spends the budget of the window in 30 days',
  }
}

/** Requests per second that apis are built for. */
export function capacity(requestsPerSecond: readonly Constant[]): Recorded<'api'> {
  return {
    name: 'penstock:capacity:requests_per_second',
    help: 'Requests per second that the api is built for',
    labels: ['api'],
    expr: constants(requestsPerSecond),
  }
}

/** A value for each api that is known. */
function constants(all: readonly Constant[]): Expr<'api'> {
  const none: Expr<'api'> = recorded(requestsRate, { api: '' })
  return all
    .map(({ value, api }) => plus(times(recorded(requestsRate, { api }), 0), Number(value.toPrecision(12)))) // 1 − 0.999 is not quite 0.001
    .reduce<Expr<'api'>>((expr, one, i) => (i === 0 ? one : or(expr, one)), none)
}
