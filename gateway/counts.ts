import type { Registry } from 'prom-client'
import { gatewayMetrics } from '../metrics/gateway.ts'
import { toCounter, toGauge } from '../metrics/metric.ts'
import { type Outcome, outcomes, type StatusClass, statusClass } from '../record/outcome.ts'
import type { Snapshot } from './snapshot.ts'

const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const satisfies readonly StatusClass[]

/** The status that an outcome comes with, where nothing else is configured. */
const usualClass: Readonly<Record<Outcome, StatusClass>> = {
  ok: '2xx',
  client_error: '4xx',
  unauthenticated: '4xx',
  forbidden: '4xx',
  rate_limited: '4xx',
  quota_exceeded: '4xx',
  upstream_error: '5xx',
  upstream_timeout: '5xx',
  upstream_unreachable: '5xx',
  circuit_open: '5xx',
  gateway_error: '5xx',
  client_aborted: '4xx',
}

/** What the gateway counts of itself: plain numbers on the way of a request, read at each scrape. */
export class Counts {
  readonly #ended = Object.fromEntries(
    outcomes.map((outcome) => [outcome, Object.fromEntries(classes.map((name) => [name, 0]))]),
  ) as Record<Outcome, Record<StatusClass, number>> // fromEntries loses the keys
  readonly #reloads = { ok: 0, failed: 0 }
  /** Whose files hold something that could not be taken. */
  readonly #stale = new Set<string>()
  /** When each certificate in use expires, by its file, Unix milliseconds. */
  readonly #certificates = new Map<string, number>()

  ended(outcome: Outcome, status: number): void {
    this.#ended[outcome][statusClass(status)]++
  }

  /** A changed configuration or certificate was taken, or could not be. */
  reloaded(result: 'ok' | 'failed', what: string): void {
    this.#reloads[result]++
    if (result === 'ok') this.#stale.delete(what)
    else this.#stale.add(what)
  }

  /** It is again as what is in use. */
  unchanged(what: string): void {
    this.#stale.delete(what)
  }

  /** A certificate is in use from now on. */
  certificate(file: string, expiresAtMs: number): void {
    this.#certificates.set(file, expiresAtMs)
  }

  /** Shows the counts, and what `now` tells of this moment, in `registry`. */
  register(registry: Registry, now: { inFlight(): number; snapshot(): Snapshot }): void {
    toCounter(gatewayMetrics.requests, registry, (counter) => {
      counter.reset()
      for (const outcome of outcomes) {
        for (const status_class of classes) {
          const count = this.#ended[outcome][status_class]
          if (count > 0 || status_class === usualClass[outcome]) counter.inc({ outcome, status_class }, count) // shown from the start, so that a rate sees the first one
        }
      }
    })
    toCounter(gatewayMetrics.configReloads, registry, (counter) => {
      counter.reset()
      for (const result of ['ok', 'failed'] as const) counter.inc({ result }, this.#reloads[result])
    })
    toGauge(gatewayMetrics.inFlight, registry, (gauge) => gauge.set(now.inFlight()))
    toGauge(gatewayMetrics.configFresh, registry, (gauge) => gauge.set(this.#stale.size === 0 ? 1 : 0))
    toGauge(gatewayMetrics.certificateExpires, registry, (gauge) => {
      gauge.reset()
      for (const [file, expiresAtMs] of this.#certificates) gauge.set({ file }, expiresAtMs / 1000)
    })
    registerTargets(registry, now.snapshot)
  }
}

/** How each target of the configuration in use fares. */
function registerTargets(registry: Registry, snapshot: () => Snapshot): void {
  const targets = () =>
    snapshot().upstreams.flatMap(({ name, targets }) =>
      targets.map((target) => ({ target, labels: { upstream: name, target: target.origin } })),
    )
  toGauge(gatewayMetrics.upstreamUp, registry, (gauge) => {
    gauge.reset()
    for (const { target, labels } of targets()) gauge.set(labels, target.isUp ? 1 : 0)
  })
  toGauge(gatewayMetrics.upstreamChanged, registry, (gauge) => {
    gauge.reset()
    for (const { target, labels } of targets()) gauge.set(labels, target.changedAtMs / 1000)
  })
  toGauge(gatewayMetrics.upstreamHealthSeconds, registry, (gauge) => {
    gauge.reset()
    for (const { target, labels } of targets())
      if (target.checks.seconds !== undefined) gauge.set(labels, target.checks.seconds)
  })
  toCounter(gatewayMetrics.upstreamHealthChecks, registry, (counter) => {
    counter.reset()
    for (const { target, labels } of targets()) {
      if (target.checks.seconds === undefined) continue
      for (const result of ['ok', 'failed'] as const) counter.inc({ ...labels, result }, target.checks[result])
    }
  })
}
