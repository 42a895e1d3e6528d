import type { Say } from '../run.ts'

/** What a scenario measured, for people: by what it is. */
export type Measured = Readonly<Record<string, string>>

export interface ScenarioResult {
  readonly measured: Measured
  readonly lost: number
  readonly doubled: number
  /** What is not as it must be, as sentences. */
  readonly problems: readonly string[]
}

export interface ScenarioOptions {
  readonly minutes: number
  readonly recordsPerSecond: number
  readonly say: Say
}

/** Mean of values; 0 of none. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

export function percent(part: number, whole: number): string {
  return `${part >= whole ? '+' : '−'}${Math.abs((part / whole - 1) * 100).toFixed(1)} %`
}
