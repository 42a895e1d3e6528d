import { gatewayMetrics } from '../metrics/gateway.ts'
import { absent, max, or, rate, selector, series, sum, unless, where } from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import { alert } from './alert.ts'
import { dashboards } from './dashboard.ts'
import type { AlertOptions } from './options.ts'

const targetsOf = (job: string) => selector('up', [], { job })

/** Prometheus' own view of its targets. */
export function scrapeAlerts({ jobs }: AlertOptions) {
  return [
    alert({
      name: 'PenstockGatewayDown',
      severity: 'page',
      source: 'scrape',
      limits: { up: 1 },
      expr: ({ up }) => or(where(targetsOf(jobs.gateway), '<', up), absent(targetsOf(jobs.gateway))),
      for: '2m',
      summary: 'Gateway {{ $labels.instance }} cannot be scraped',
      description: 'Prometheus has had no answer from {{ $labels.instance }} (job {{ $labels.job }}) for 2 minutes.',
      dashboard: dashboards.overview,
      runbook: {
        means:
          'The gateway is down, or only out of Prometheus’ reach. What it would say about upstreams and keys is missing.',
        command: 'curl -sS http://GATEWAY:8081/readyz',
        steps: [
          'Does it answer requests? Then only the admin port is out of reach: its address, a firewall, the scrape configuration.',
          'Is the process alive: its supervisor and its log?',
          'Has the load balancer taken it out?',
        ],
        causes: [
          'A crash or a deployment',
          'A machine that is gone',
          'A job that has another name: `alerts.jobs.gateway`',
        ],
      },
    }),
    alert({
      name: 'PenstockPumpDown',
      severity: 'page',
      source: 'scrape',
      limits: { up: 1 },
      // As long as one answers, it has taken over what another one had; where it has not, the lag says so.
      expr: ({ up }) => or(where(max(targetsOf(jobs.pump), 'job'), '<', up), absent(targetsOf(jobs.pump))),
      for: '2m',
      summary: 'No pump can be scraped',
      description:
        'Prometheus has had no answer from any target of job {{ $labels.job }} for 2 minutes. Records wait in the buffer.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'Metrics of requests are missing or old. Requests are served, and records wait in the buffer; alerts computed from them are inhibited.',
        command: 'curl -sS http://PUMP:8082/readyz',
        steps: [
          'Is the process alive: its supervisor and its log?',
          'Does it answer on its admin port, from Prometheus’ machine?',
          'Start it again: it goes on where it was. Another pump takes over within seconds where the buffer is shared.',
        ],
        causes: [
          'A crash or a deployment',
          'A machine that is gone',
          'A job that has another name: `alerts.jobs.pump`',
        ],
      },
    }),
    alert({
      name: 'PenstockRecordMetricsAbsent',
      severity: 'page',
      source: 'scrape',
      limits: { perSecond: 0 },
      expr: ({ perSecond }) =>
        unless(
          where(sum(rate(series(gatewayMetrics.requests), '5m')), '>', perSecond),
          sum(series(recordMetrics.requests)),
        ),
      for: '5m',
      summary: 'There are requests, but no metrics of them',
      description:
        'Gateways serve {{ $value | humanize }} requests a second, and no pump shows `penstock_requests_total`: every alert on APIs is blind.',
      dashboard: dashboards.internals,
      runbook: {
        means: 'Records do not become metrics: no sink of type prometheus is configured, or no pump owns it.',
        command: 'penstock sinks list',
        steps: [
          'Is there a sink of type prometheus in the pump’s configuration?',
          'Does a pump run it: `penstock_sink_state`?',
          'Does Prometheus scrape that pump’s admin port?',
        ],
        causes: [
          'A configuration without the prometheus sink',
          'A pump on another buffer than the gateways',
          'A halted sink',
        ],
      },
    }),
  ]
}
