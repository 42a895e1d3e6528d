/** What one alert does with some series: data of a rule test. */
export interface AlertCase {
  readonly alert: string
  /** What is the case. */
  readonly says: string
  /** How far apart evaluations are, and samples where nothing else is said. */
  readonly everyMinutes: number
  readonly sampleMinutes?: number
  readonly series: Readonly<Record<string, readonly number[]>>
  readonly atMinutes: number
  /** Labels of what fires; none where it stays silent. */
  readonly fires: readonly Readonly<Record<string, string>>[]
}

/** Series of this api may stand beside those of other cases: each case gets an api of its own. */
export const orders = 'orders'

/** A time of steady traffic to an api, per minute. */
export interface Phase {
  readonly minutes: number
  readonly requests: number
  readonly failed?: number
  /** Answers slower than a second. */
  readonly slow?: number
}

/** The counters of an api over some phases, as a scrape every `everyMinutes` sees them. */
export function traffic(phases: readonly Phase[], everyMinutes = 1, api = orders): Record<string, number[]> {
  const of = (perMinute: (phase: Phase) => number) => counter(phases, perMinute, everyMinutes)
  const requests = of((phase) => phase.requests)
  const fast = of(({ requests: all, slow = 0, failed = 0 }) => all - slow - failed)
  const answered = of(({ requests: all, failed = 0 }) => all - failed)
  const failed = of(({ failed: some = 0 }) => some)
  const duration = `penstock_request_duration_seconds_bucket{api="${api}", status_class="2xx"`
  return {
    [`penstock_requests_total{api="${api}", outcome="ok"}`]: requests,
    [`penstock_failed_requests_total{api="${api}"}`]: failed,
    [`penstock_request_duration_seconds_count{api="${api}", status_class="2xx"}`]: answered,
    [`${duration}, le="0.1"}`]: fast,
    [`${duration}, le="0.3"}`]: fast,
    [`${duration}, le="1"}`]: fast,
    [`${duration}, le="2.5"}`]: answered,
    [`${duration}, le="+Inf"}`]: answered,
  }
}

function counter(phases: readonly Phase[], perMinute: (phase: Phase) => number, everyMinutes: number): number[] {
  const values = [0]
  for (const phase of phases) {
    for (let minute = 0; minute < phase.minutes; minute += everyMinutes)
      values.push((values.at(-1) ?? 0) + perMinute(phase) * everyMinutes)
  }
  return values
}

/** A gauge that stays as it is. */
export function flat(value: number, samples: number): number[] {
  return Array.from({ length: samples }, () => value)
}

/** A counter that grows by the same each sample. */
export function growing(by: number, samples: number): number[] {
  return Array.from({ length: samples }, (_, i) => i * by)
}
