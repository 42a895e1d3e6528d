import {
  and,
  type Duration,
  type Expr,
  increase,
  observed,
  or,
  recorded,
  series,
  sum,
  times,
  timesOn,
  unless,
  where,
  whereOn,
} from '../metrics/promql.ts'
import { failedRatio, type SloWindow, slowRatio } from '../metrics/recorded.ts'
import { recordMetrics } from '../metrics/records.ts'
import { type Objective, sloPace } from '../metrics/slo.ts'
import { alert, type Runbook } from './alert.ts'
import { dashboards } from './dashboard.ts'

/** What a month's budget is spent at: 2 % in an hour, 5 % in six hours; and for tickets 10 % in a day, 10 % in three. */
const paces = { hour: 14.4, sixHours: 6, day: 3, threeDays: 1 } as const

/** So many broken promises at least: one error at night is no incident. */
const fewest = 10

/** Only its name and labels are asked for: the value is each installation's own. */
const pace = sloPace({ slo: 'availability', shares: [] }, 30)
const paceOf = (slo: Objective, burn: number) => times(recorded(pace, { slo }), burn)

const failures = (window: Duration) => sum(increase(series(recordMetrics.failedRequests), window), 'api')
const answers = (window: Duration) =>
  sum(increase(observed('count', recordMetrics.requestDuration, { status_class: ['!=', '5xx'] }), window), 'api')

/** Both windows burn faster than the pace: the long one says that it matters, the short one that it goes on. */
function failing(long: SloWindow, short: SloWindow, burn: number): Expr<'api'> {
  const faster = (window: SloWindow) =>
    whereOn(recorded(failedRatio(window)), '>', ['api'], paceOf('availability', burn))
  return and(faster(long), faster(short))
}

/** As `failing`, of answers within the bound that the api promises; of the ratios only names and labels are asked for. */
function late(long: SloWindow, short: SloWindow, burn: number): Expr<'api' | 'bound'> {
  const faster = (window: SloWindow) =>
    whereOn(recorded(slowRatio(0, window)), '>', ['api', 'bound'], paceOf('latency', burn))
  return and(faster(long), faster(short))
}

const lateAnswers = (window: Extract<SloWindow, Duration>) =>
  timesOn(recorded(slowRatio(0, window)), ['api'], answers(window))

export const availabilityRunbook: Omit<Runbook, 'means'> = {
  command: 'penstock usage --by endpoint,outcome --filter "api==API" --last 6h',
  steps: [
    'Which endpoint fails, and how: `outcome` says whether the upstream answered with an error, too late, or not at all.',
    'Did something change as it began: a deployment of the upstream, a configuration of the gateway (annotations on the dashboard)?',
    'Are targets of the upstream down, or is one of them the source of the errors?',
    'Take the failing target out of the upstream, or roll the change back, and watch the 5m rate fall.',
  ],
  causes: [
    'A deployment of the upstream',
    'A dependency of the upstream that fails or is slow',
    'Timeouts in the gateway below what the upstream needs (`responseMs`)',
    'Too little capacity at a peak',
  ],
}

export const latencyRunbook: Omit<Runbook, 'means'> = {
  command: 'penstock usage --by endpoint --metric p95 --filter "api==API" --last 6h',
  steps: [
    'Is it the upstream or the gateway: compare `penstock_upstream_duration_seconds` with `penstock_gateway_duration_seconds`.',
    'Which endpoint is slow, and did its traffic grow?',
    'Open a trace of a slow request by the exemplars on the latency panel.',
    'Give the upstream more capacity, or limit the consumer that loads it.',
  ],
  causes: [
    'A slow query or dependency behind the upstream',
    'A traffic peak, or one consumer with expensive calls',
    'A target that was restarted and is cold',
    'A gateway without CPU: see `penstock_event_loop_active_seconds_total`',
  ],
}

export const sloAlerts = [
  alert({
    name: 'PenstockAvailabilityFastBurn',
    severity: 'page',
    source: 'records',
    limits: { hour: paces.hour, sixHours: paces.sixHours, hourEvents: fewest, sixHourEvents: fewest },
    expr: ({ hour, sixHours, hourEvents, sixHourEvents }) =>
      or(
        and(failing('1h', '5m', hour), where(failures('1h'), '>', hourEvents)),
        and(failing('6h', '30m', sixHours), where(failures('6h'), '>', sixHourEvents)),
      ),
    for: '2m',
    summary: '{{ $labels.api }} spends its error budget so fast that it is gone within days',
    description:
      '{{ $value | humanizePercentage }} of the requests to {{ $labels.api }} failed over the last hours: at least 6 times what its objective allows.',
    worst: 'failed',
    dashboard: dashboards.slo,
    runbook: {
      means:
        'So many requests fail that the budget of the objective is spent within two to five days. Clients notice now.',
      ...availabilityRunbook,
    },
  }),
  alert({
    name: 'PenstockAvailabilitySlowBurn',
    severity: 'ticket',
    source: 'records',
    limits: { day: paces.day, threeDays: paces.threeDays, dayEvents: fewest, threeDayEvents: fewest },
    expr: ({ day, threeDays, dayEvents, threeDayEvents }) =>
      or(
        and(failing('1d', '2h', day), where(failures('1d'), '>', dayEvents)),
        and(failing('3d', '6h', threeDays), where(failures('3d'), '>', threeDayEvents)),
      ),
    for: '15m',
    summary: '{{ $labels.api }} spends its error budget faster than it comes back',
    description:
      '{{ $value | humanizePercentage }} of the requests to {{ $labels.api }} failed over the last days: more than its objective allows, if it goes on.',
    worst: 'failed',
    dashboard: dashboards.slo,
    runbook: {
      means: 'A small share of the requests fails all the time. Nobody need get up, but the objective will be missed.',
      ...availabilityRunbook,
    },
  }),
  alert({
    name: 'PenstockLowVolumeFailing',
    severity: 'ticket',
    source: 'records',
    limits: { events: 3, share: 0.1 },
    expr: ({ events, share }) =>
      unless(
        and(where(failures('1d'), '>=', events), where(recorded(failedRatio('1d')), '>', share)),
        where(failures('1h'), '>', fewest),
      ),
    for: '5m',
    summary: '{{ $labels.api }} has few requests, and many of them fail',
    description:
      '{{ $value | humanize }} requests to {{ $labels.api }} failed within a day, more than a tenth of all. Burn rates need more events than it has.',
    worst: 'failed',
    dashboard: dashboards.api,
    runbook: {
      means:
        'The API has so little traffic that the burn-rate alerts, which want more than ten failures, never speak; yet what is sent to it fails.',
      ...availabilityRunbook,
    },
  }),
  alert({
    name: 'PenstockLatencyFastBurn',
    severity: 'page',
    source: 'records',
    limits: { hour: paces.hour, sixHours: paces.sixHours, hourEvents: fewest, sixHourEvents: fewest },
    expr: ({ hour, sixHours, hourEvents, sixHourEvents }) =>
      or(
        and(late('1h', '5m', hour), where(lateAnswers('1h'), '>', hourEvents)),
        and(late('6h', '30m', sixHours), where(lateAnswers('6h'), '>', sixHourEvents)),
      ),
    for: '2m',
    summary: '{{ $labels.api }} is slower than promised, and its budget is gone within days',
    description:
      '{{ $value | humanizePercentage }} of the answers of {{ $labels.api }} took longer than {{ $labels.bound }} s over the last hours: at least 6 times what its objective allows.',
    worst: 'slow',
    dashboard: dashboards.slo,
    runbook: {
      means: 'So many answers are late that the latency budget is spent within two to five days. Clients notice now.',
      ...latencyRunbook,
    },
  }),
  alert({
    name: 'PenstockLatencySlowBurn',
    severity: 'ticket',
    source: 'records',
    limits: { day: paces.day, threeDays: paces.threeDays, dayEvents: fewest, threeDayEvents: fewest },
    expr: ({ day, threeDays, dayEvents, threeDayEvents }) =>
      or(
        and(late('1d', '2h', day), where(lateAnswers('1d'), '>', dayEvents)),
        and(late('3d', '6h', threeDays), where(lateAnswers('3d'), '>', threeDayEvents)),
      ),
    for: '15m',
    summary: '{{ $labels.api }} is slower than promised, day after day',
    description:
      '{{ $value | humanizePercentage }} of the answers of {{ $labels.api }} took longer than {{ $labels.bound }} s over the last days: more than its objective allows, if it goes on.',
    worst: 'slow',
    dashboard: dashboards.slo,
    runbook: {
      means: 'A share of the answers is late all the time. Nobody need get up, but the objective will be missed.',
      ...latencyRunbook,
    },
  }),
]
