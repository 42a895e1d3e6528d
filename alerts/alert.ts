import type { Duration, Expr } from '../metrics/promql.ts'

/** `page` wakes somebody; `ticket` waits for the morning. */
export type Severity = 'page' | 'ticket'

/** Whose numbers an alert is computed from: what is wrong with those inhibits it. Nothing inhibits `gateway-traffic` and `pump-lag`. */
export type Source = 'records' | 'gateway' | 'pump' | 'gateway-traffic' | 'pump-lag' | 'scrape'

/** What a person who is woken reads. */
export interface Runbook {
  /** What has happened, and to whom it matters. */
  readonly means: string
  /** The command line that shows it without Prometheus. */
  readonly command: string
  /** In this order; the first three stand in the message. */
  readonly steps: readonly [string, string, string, ...string[]]
  readonly causes: readonly string[]
}

/** Where a person looks first. */
export interface DashboardLink {
  readonly uid: string
  /** Variables of the dashboard that take the value of a label of the alert. */
  readonly variables?: Readonly<Record<string, string>>
}

export type Limits = Readonly<Record<string, number>>

/** An alert: one condition, and what to do about it. */
export interface AlertDefinition<L extends Limits = Limits> {
  readonly name: `Penstock${string}`
  readonly severity: Severity
  readonly source: Source
  /** Every number that it compares with: a test changes each and looks whether anybody notices. */
  readonly limits: L
  readonly expr: (limits: L) => Expr
  /** How long the condition holds before anybody is told. */
  readonly for: Duration
  /** One line, with the labels of the alert. */
  readonly summary: string
  /** Two or three, with the numbers. */
  readonly description: string
  /** The metric by which the endpoint and the consumer that have most of it are found, for alerts of an api. */
  readonly worst?: 'failed' | 'slow' | 'refused' | 'requests'
  readonly dashboard: DashboardLink
  readonly runbook: Runbook
}

/** Declares an alert. */
export function alert<L extends Limits>(definition: AlertDefinition<L>): AlertDefinition {
  return definition as unknown as AlertDefinition // its limits are only ever handed back to itself
}
