import { type Baseline, baselines } from '../metrics/baseline.ts'
import { and, andOn, avgOverTime, or, ratio, recorded, times, unless, where } from '../metrics/promql.ts'
import { answersRate, failedRate, failedRatio, requestsRate, slowRate, slowRatio } from '../metrics/recorded.ts'
import { capacity, sloBudget } from '../metrics/slo.ts'
import { alert } from './alert.ts'
import { dashboards } from './dashboard.ts'
import { availabilityRunbook, latencyRunbook } from './slo.ts'

/** Where no route matched there is no api, and nobody to tell. */
const anApi = { api: ['!=', ''] } as const

/** Events of five minutes, from a rate per second. */
const windowSeconds = 300

/** Above what is usual at this hour. */
const unusual = ({ signal, upper }: Baseline) => where(recorded(signal, anApi), '>', recorded(upper))

const failures = times(recorded(failedRate), windowSeconds)
const answers = times(recorded(answersRate), windowSeconds)
/** Only its name and labels are asked for: the value is each installation's own. */
const latencyBudget = recorded(sloBudget({ slo: 'latency', shares: [] }), { slo: 'latency' })
const { traffic, errors, latency } = baselines

export const trafficAlerts = [
  alert({
    name: 'PenstockErrorRateHigh',
    severity: 'page',
    source: 'records',
    limits: { share: 0.05, events: 10 },
    expr: ({ share, events }) =>
      and(where(recorded(failedRatio('5m'), anApi), '>', share), where(failures, '>', events)),
    for: '5m',
    summary: '{{ $labels.api }} fails for more than one request in twenty',
    description: '{{ $value | humanizePercentage }} of the requests to {{ $labels.api }} failed in the last 5 minutes.',
    worst: 'failed',
    dashboard: dashboards.api,
    runbook: { means: 'One request in twenty fails, whatever is usual here.', ...availabilityRunbook },
  }),
  alert({
    name: 'PenstockErrorRateSpike',
    severity: 'page',
    source: 'records',
    limits: { events: 10 },
    expr: ({ events }) => and(unusual(errors), where(failures, '>', events)),
    for: '1m',
    summary: '{{ $labels.api }} suddenly fails more often than is usual at this hour',
    description:
      '{{ $value | humanizePercentage }} of the requests to {{ $labels.api }} failed in the last 5 minutes: half more, and two points more, than at this hour of the last weeks. In the first day: more than 5 %.',
    worst: 'failed',
    dashboard: dashboards.api,
    runbook: {
      means: 'The share of failing requests left what the last weeks had at this hour. Something has just changed.',
      ...availabilityRunbook,
    },
  }),
  alert({
    name: 'PenstockLatencyHigh',
    severity: 'page',
    source: 'records',
    limits: { share: 0.5, events: 10 },
    expr: ({ share, events }) =>
      andOn(
        and(
          where(recorded(slowRatio(0, '5m')), '>', share),
          where(times(recorded(slowRate(0)), windowSeconds), '>', events),
        ),
        ['api', 'bound'],
        latencyBudget,
      ),
    for: '5m',
    summary: '{{ $labels.api }} answers every second request later than promised',
    description:
      '{{ $value | humanizePercentage }} of the answers of {{ $labels.api }} took longer than {{ $labels.bound }} s in the last 5 minutes.',
    worst: 'slow',
    dashboard: dashboards.api,
    runbook: { means: 'Half of the answers are later than promised, whatever is usual here.', ...latencyRunbook },
  }),
  alert({
    name: 'PenstockLatencySpike',
    severity: 'ticket',
    source: 'records',
    limits: { events: 50 },
    expr: ({ events }) => and(unusual(latency), where(answers, '>', events)),
    for: '1m',
    summary: '{{ $labels.api }} suddenly answers slower than is usual at this hour',
    description:
      '5 % of the answers of {{ $labels.api }} took longer than {{ $value | humanizeDuration }} in the last 5 minutes: half more than at this hour of the last weeks.',
    worst: 'slow',
    dashboard: dashboards.api,
    runbook: {
      means: 'The 95th percentile left what the last weeks had at this hour. Promises may still be kept.',
      ...latencyRunbook,
    },
  }),
  alert({
    name: 'PenstockTrafficHigh',
    severity: 'ticket',
    source: 'records',
    limits: { share: 0.9 },
    expr: ({ share }) => where(ratio(recorded(requestsRate), recorded(capacity([]))), '>', share),
    for: '5m',
    summary: '{{ $labels.api }} has nearly the traffic that it is built for',
    description:
      '{{ $labels.api }} is asked at {{ $value | humanizePercentage }} of its `requestsPerSecond` in the configuration.',
    worst: 'requests',
    dashboard: dashboards.api,
    runbook: {
      means: 'Traffic comes near what the owner of the API said that it is built for.',
      command: 'penstock usage --by consumer --filter "api==API" --last 1h',
      steps: [
        'Who makes the requests: one consumer, or all of them?',
        'Is it a peak that ends by itself, or growth?',
        'Is the upstream still fast: see its latency and errors?',
        'Give the upstream more room and raise `alerts.apis.NAME.requestsPerSecond`, or limit the consumer.',
      ],
      causes: ['Growth', 'A campaign or a batch job', 'A client that retries without waiting'],
    },
  }),
  alert({
    name: 'PenstockTrafficSpike',
    severity: 'ticket',
    source: 'records',
    limits: {},
    expr: () => unusual(traffic),
    for: '1m',
    summary: '{{ $labels.api }} suddenly has more traffic than is usual at this hour',
    description:
      '{{ $labels.api }} is asked {{ $value | humanize }} times a second: half more than at this hour of the last weeks.',
    worst: 'requests',
    dashboard: dashboards.api,
    runbook: {
      means: 'Traffic left what the last weeks had at this hour. It may be good news.',
      command: 'penstock usage --by consumer,endpoint --filter "api==API" --last 1h',
      steps: [
        'Which consumer and which endpoint have grown?',
        'Do they get answers, or 401, 404 and 429: is somebody trying doors?',
        'Does the upstream keep up: see its latency and errors?',
        'Limit the consumer where it harms others.',
      ],
      causes: ['A batch job', 'A client that retries without waiting', 'A release of an app', 'A scan or an attack'],
    },
  }),
  alert({
    name: 'PenstockTrafficGone',
    severity: 'page',
    source: 'records',
    limits: { season: 0.1, lastHour: 0.1 },
    expr: ({ season, lastHour }) => {
      const usual = recorded(traffic.season, anApi)
      const before = avgOverTime(recorded(requestsRate, anApi), '1h', '10m')
      const expected = or(where(usual, '>', season), unless(where(before, '>', lastHour), usual))
      return unless(expected, where(recorded(requestsRate), '>', 0))
    },
    for: '5m',
    summary: '{{ $labels.api }} has no traffic any more',
    description:
      'Nobody has asked {{ $labels.api }} for 10 minutes, where {{ $value | humanize }} requests a second are usual.',
    dashboard: dashboards.api,
    runbook: {
      means: 'Requests that come at this hour do not: they are lost before the gateway, or clients have gone away.',
      command: 'penstock tap --api API',
      steps: [
        'Do other APIs of the gateway have traffic? If not, look at the load balancer, DNS and certificates in front.',
        'Send a request to the gateway yourself: does it answer, and does its record come through `penstock tap`?',
        'Was the route, the host or the API renamed: are there new requests at `{unmatched}`?',
        'Ask the owners of its greatest consumers.',
      ],
      causes: [
        'A load balancer, DNS record or firewall that was changed',
        'An expired certificate, so that clients do not connect',
        'A renamed API or host',
        'A client that was switched off',
      ],
    },
  }),
]
