import { and, rate, ratio, series, sum, where } from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import { alert } from './alert.ts'
import { dashboards } from './dashboard.ts'

const { consumerRefused, consumerRequests } = recordMetrics
const requests = sum(rate(series(consumerRequests), '5m'), 'api', 'consumer')
const refused = (outcomes: string) =>
  sum(rate(series(consumerRefused, { outcome: ['=~', outcomes] }), '5m'), 'api', 'consumer')

export const consumerAlerts = [
  alert({
    name: 'PenstockConsumerRateLimited',
    severity: 'ticket',
    source: 'records',
    limits: { perSecond: 0.5, share: 0.2 },
    expr: ({ perSecond, share }) => {
      const limited = refused('rate_limited|quota_exceeded')
      return and(where(limited, '>', perSecond), where(ratio(limited, requests), '>', share))
    },
    for: '5m',
    summary: '{{ $labels.consumer }} runs into its limit at {{ $labels.api }}',
    description:
      '{{ $value | humanize }} requests a second of {{ $labels.consumer }} to {{ $labels.api }} are answered with 429: more than a fifth of what it asks.',
    worst: 'refused',
    dashboard: dashboards.consumer,
    runbook: {
      means:
        'A consumer asks for more than its plan gives, for minutes. Others are not touched: that is what the limit is for.',
      command: 'penstock usage --by endpoint,outcome --filter "consumer==CONSUMER" --last 1h',
      steps: [
        'Which endpoint does it ask for, and since when?',
        'Does it heed `Retry-After`, or ask again at once?',
        'Tell its team; give it another plan if the need is real.',
      ],
      causes: ['A batch job', 'A client that retries without waiting', 'Growth beyond the plan'],
    },
  }),
  alert({
    name: 'PenstockConsumerUnauthenticated',
    severity: 'ticket',
    source: 'records',
    limits: { perSecond: 0.5, share: 0.2 },
    expr: ({ perSecond, share }) => {
      const unknown = refused('unauthenticated|forbidden')
      return and(where(unknown, '>', perSecond), where(ratio(unknown, requests), '>', share))
    },
    for: '5m',
    summary:
      '{{ with $labels.consumer }}{{ . }}{{ else }}Somebody without a known key{{ end }} is refused at {{ $labels.api }}',
    description:
      '{{ $value | humanize }} requests a second to {{ $labels.api }} are answered with 401 or 403{{ with $labels.consumer }}; the keys are of {{ . }}{{ else }}, without a key that is known{{ end }}.',
    worst: 'refused',
    dashboard: dashboards.consumer,
    runbook: {
      means:
        'A client has the wrong key, or none: a rotation that failed, a release without its secret, or somebody who tries keys.',
      command: 'penstock tap --outcome "unauthenticated,forbidden"',
      steps: [
        'Whose are they: does the record name a consumer (an expired or revoked key) or none (an unknown one)?',
        'From where: few addresses and one user agent are a client, many are an attack?',
        'A client: hand it a key that works. An attack: block the addresses in front of the gateway.',
      ],
      causes: ['A key that has expired or was revoked', 'A deployment without its secret', 'Somebody who tries keys'],
    },
  }),
]
