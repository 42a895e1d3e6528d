import type { Duration } from '../metrics/promql.ts'

/** Rules as Prometheus reads them. */
export interface RuleGroup<R = RecordingRule | AlertingRule> {
  readonly name: string
  /** How often its rules are evaluated. */
  readonly interval: Duration
  readonly rules: readonly R[]
}

export interface RecordingRule {
  readonly record: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface AlertingRule {
  readonly alert: string
  readonly expr: string
  readonly for: Duration
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
