import type { Registry } from 'prom-client'
import { gatewayMetrics } from '../metrics/gateway.ts'
import { toCounter, toGauge } from '../metrics/metric.ts'
import { type Outcome, outcomes, type StatusClass, statusClass } from '../record/outcome.ts'
import type { Snapshot } from './snapshot.ts'

const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const satisfies readonly StatusClass[]

/** What the gateway counts of itself: plain numbers on the way of a request, read at each scrape. */
export class Counts {
  readonly #ended = Object.fromEntries(
    outcomes.map((outcome) => [outcome, Object.fromEntries(classes.map((name) => [name, 0]))]),
  ) as Record<Outcome, Record<StatusClass, number>> // fromEntries loses the keys
  readonly #reloads = { ok: 0, failed: 0 }

  ended(outcome: Outcome, status: number): void {
    this.#ended[outcome][statusClass(status)]++
  }

  reloaded(result: 'ok' | 'failed'): void {
    this.#reloads[result]++
  }

  /** Shows the counts, and what `now` tells of this moment, in `registry`. */
  register(registry: Registry, now: { inFlight(): number; snapshot(): Snapshot }): void {
    toCounter(gatewayMetrics.requests, registry, (counter) => {
      counter.reset()
      for (const outcome of outcomes) {
        for (const status_class of classes) {
          const count = this.#ended[outcome][status_class]
          if (count > 0) counter.inc({ outcome, status_class }, count)
        }
      }
    })
    toCounter(gatewayMetrics.configReloads, registry, (counter) => {
      counter.reset()
      for (const result of ['ok', 'failed'] as const) counter.inc({ result }, this.#reloads[result])
    })
    toGauge(gatewayMetrics.inFlight, registry, (gauge) => gauge.set(now.inFlight()))
    toGauge(gatewayMetrics.upstreamUp, registry, (gauge) => {
      gauge.reset()
      for (const upstream of now.snapshot().upstreams) {
        for (const target of upstream.targets)
          gauge.set({ upstream: upstream.name, target: target.origin }, target.isUp ? 1 : 0)
      }
    })
  }
}
