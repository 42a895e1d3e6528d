import { gatewayMetrics, keyMetrics, recorderMetrics } from '../metrics/gateway.ts'
import {
  and,
  type Expr,
  increase,
  max,
  min,
  minOverTime,
  minus,
  now,
  or,
  rate,
  ratio,
  series,
  sum,
  times,
  where,
} from '../metrics/promql.ts'
import { alert } from './alert.ts'
import { dashboards } from './dashboard.ts'

const daySeconds = 86_400

const { requests, upstreamUp, configFresh, certificateExpires } = gatewayMetrics
const { refused, spoolBacklog, forwarded } = recorderMetrics

const all = rate(series(requests, { outcome: ['!=', 'client_aborted'] }), '5m')
/** Failed, as `record/outcome.ts` says it. */
const failed = or(
  rate(series(requests, { outcome: ['!~', 'ok|client_aborted'], status_class: '5xx' }), '5m'),
  rate(
    series(requests, {
      outcome: ['=~', 'upstream_error|upstream_timeout|upstream_unreachable|circuit_open|gateway_error'],
      status_class: ['!=', '5xx'],
    }),
    '5m',
  ),
)

/** Seconds until then, of what is not over yet. */
const left = <L extends string>(expires: Expr<L>) => minus(expires, now)

export const gatewayAlerts = [
  alert({
    name: 'PenstockGatewayErrorRateHigh',
    severity: 'page',
    source: 'gateway-traffic',
    limits: { share: 0.05, events: 10 },
    expr: ({ share, events }) =>
      and(
        where(ratio(sum(failed, 'instance'), sum(all, 'instance')), '>', share),
        where(times(sum(failed, 'instance'), 300), '>', events),
      ),
    for: '2m',
    summary: 'Gateway {{ $labels.instance }} fails for more than one request in twenty',
    description:
      '{{ $value | humanizePercentage }} of the requests of gateway {{ $labels.instance }} failed in the last 5 minutes, by its own count.',
    dashboard: dashboards.overview,
    runbook: {
      means:
        'By the gateway’s own numbers, which need neither pump nor buffer, one request in twenty fails. Nothing inhibits this alert: it speaks when analytics are blind.',
      command: 'penstock tap --outcome "upstream_*,gateway_error"',
      steps: [
        'Which outcome grows: `penstock_gateway_requests_total` by `outcome` says whether upstreams fail or the gateway itself.',
        'One instance or all of them? One: take it out of the load balancer.',
        'Which upstream is down: `penstock_upstream_up`?',
        'Which API, endpoint and consumer: the dashboards, where the pump does not lag.',
      ],
      causes: [
        'An upstream that fails',
        'A network between gateway and upstreams',
        'A gateway that is out of memory or CPU',
      ],
    },
  }),
  alert({
    name: 'PenstockUpstreamTargetDown',
    severity: 'ticket',
    source: 'gateway',
    limits: { up: 1 },
    expr: ({ up }) => where(min(series(upstreamUp), 'upstream', 'target'), '<', up),
    for: '2m',
    summary: 'Target {{ $labels.target }} of upstream {{ $labels.upstream }} is down',
    description: 'At least one gateway has sent nothing to {{ $labels.target }} for 2 minutes, as it fails.',
    dashboard: dashboards.upstreams,
    runbook: {
      means: 'Requests and health checks to one target fail, so that it is skipped. Others serve its share.',
      command: 'penstock usage --by upstream,outcome --last 1h',
      steps: [
        'Does every gateway see it down, or only one: `penstock_upstream_up` by `instance`? Only one is a matter of its network.',
        'Ask the target itself, from the gateway’s machine: `curl -v` with the path of its health check.',
        'Have the other targets room for its share?',
        'Restart or replace it; it is used again by itself as soon as it answers.',
      ],
      causes: [
        'A crash or a deployment of the target',
        'A full disk or memory',
        'A certificate or a firewall rule between',
      ],
    },
  }),
  alert({
    name: 'PenstockUpstreamDown',
    severity: 'page',
    source: 'gateway',
    limits: { up: 1 },
    expr: ({ up }) => where(max(series(upstreamUp), 'upstream', 'instance'), '<', up),
    for: '1m',
    summary: 'No target of upstream {{ $labels.upstream }} is up',
    description: 'Gateway {{ $labels.instance }} has not one target of {{ $labels.upstream }} that answers.',
    dashboard: dashboards.upstreams,
    runbook: {
      means: 'Every target fails: its APIs answer with 502 and 504, except where one recovers.',
      command: 'penstock tap --outcome "upstream_*"',
      steps: [
        'Ask a target itself, from the gateway’s machine: does it listen, does it answer?',
        'Was it deployed, or its address or certificate changed?',
        'Is it only one gateway: then look at that machine’s network and DNS?',
        'Tell the owner of the upstream; a target is used again by itself as soon as it answers.',
      ],
      causes: ['A deployment', 'A dependency that all targets share', 'DNS', 'An expired certificate of the upstream'],
    },
  }),
  alert({
    name: 'PenstockKeyExpiring',
    severity: 'ticket',
    source: 'gateway',
    limits: { seconds: 20 * daySeconds, past: 0 },
    expr: ({ seconds, past }) => {
      const until = left(min(series(keyMetrics.expires), 'consumer', 'key'))
      return and(where(until, '<', seconds), where(until, '>', past))
    },
    for: '10m',
    summary: 'A key of {{ $labels.consumer }} expires soon',
    description: 'Key {{ $labels.key }} of {{ $labels.consumer }} expires in {{ $value | humanizeDuration }}.',
    dashboard: dashboards.consumer,
    runbook: {
      means: 'A key that works today will not in less than 20 days: whoever still uses it then is answered with 401.',
      command: 'penstock keys list --consumer CONSUMER',
      steps: [
        'Is the key still used: see "last used" in the list?',
        'Create its successor, `penstock keys create --consumer CONSUMER --expires 90d`, and hand it over: both work until the old one expires.',
        'Watch that the old one is used no more, then revoke it.',
      ],
      causes: ['A rotation that is due'],
    },
  }),
  alert({
    name: 'PenstockExpiredKeyUsed',
    severity: 'ticket',
    source: 'gateway',
    limits: { requests: 0.5 },
    expr: ({ requests: fewest }) =>
      where(sum(increase(series(keyMetrics.deadUses, { reason: 'expired' }), '1h'), 'consumer'), '>', fewest),
    for: '1m',
    summary: '{{ $labels.consumer }} still uses an expired key',
    description:
      '{{ $value | humanize }} requests within an hour came with an expired key of {{ $labels.consumer }}, and were answered with 401.',
    dashboard: dashboards.consumer,
    runbook: {
      means: 'A client was not given the new key, or did not take it. It is refused at each request.',
      command: 'penstock tap --consumer CONSUMER --outcome unauthenticated',
      steps: [
        'Which client is it: address and user agent stand in its records?',
        'Has the consumer another key that works: `penstock keys list --consumer CONSUMER`?',
        'Hand the new key to its team; where they cannot take it today, create one that works for some days.',
      ],
      causes: ['A second deployment that was forgotten in the rotation', 'A key that is built into a client'],
    },
  }),
  alert({
    name: 'PenstockCertificateExpiring',
    severity: 'ticket',
    source: 'gateway',
    limits: { seconds: 14 * daySeconds },
    expr: ({ seconds }) => where(left(min(series(certificateExpires), 'file')), '<', seconds),
    for: '10m',
    summary: 'The certificate {{ $labels.file }} expires soon',
    description: 'The certificate in {{ $labels.file }} expires in {{ $value | humanizeDuration }}.',
    dashboard: dashboards.internals,
    runbook: {
      means: 'Clients will refuse to connect when it has expired. What renews it should have done so by now.',
      command: 'openssl x509 -enddate -noout -in FILE',
      steps: [
        'What renews it, and what does its log say?',
        'Does the file already hold a newer one: `openssl x509 -enddate -noout -in FILE`? The gateway reads it again within a second; see ConfigReloadFailed otherwise.',
        'Renew it by hand if need be; no restart is needed.',
      ],
      causes: [
        'A renewal job that fails',
        'A new file that was put where the gateway does not look',
        'A key that does not fit',
      ],
    },
  }),
  alert({
    name: 'PenstockConfigReloadFailed',
    severity: 'ticket',
    source: 'gateway',
    limits: { fresh: 1 },
    expr: ({ fresh }) => where(min(series(configFresh), 'instance'), '<', fresh),
    for: '1m',
    summary: 'Gateway {{ $labels.instance }} could not take its changed configuration',
    description:
      'Gateway {{ $labels.instance }} goes on with what it had: its configuration or certificate on the disk has a fault.',
    dashboard: dashboards.internals,
    runbook: {
      means: 'The file and what runs differ: the change is not in force, and the next start would fail.',
      command: 'penstock check penstock.yaml',
      steps: [
        '`penstock check` names every fault with its line.',
        'The log of the gateway says why: "The changed configuration was not taken; the last one holds."',
        'Correct the file, send SIGHUP, and see the gauge go back to 1.',
      ],
      causes: ['A typing error', 'A certificate and key that do not belong together', 'A secret file that is missing'],
    },
  }),
  alert({
    name: 'PenstockRecordsLost',
    severity: 'page',
    source: 'gateway',
    limits: { records: 0 },
    expr: ({ records }) => where(sum(increase(series(refused), '5m'), 'instance', 'reason'), '>', records),
    for: '1m',
    summary: 'Gateway {{ $labels.instance }} loses records ({{ $labels.reason }})',
    description:
      '{{ $value | humanize }} records were refused in the last 5 minutes and are gone: {{ $labels.reason }}. Requests are served as ever.',
    dashboard: dashboards.internals,
    runbook: {
      means:
        'Records are made faster than the disk takes them, or the buffer is full: analytics have a hole from now on.',
      command: 'penstock buffer inspect',
      steps: [
        '`ring_full`: is the disk of the data folder slow or full, or the buffer at its limit?',
        'A buffer at its limit: which sink holds it, `penstock sinks list`?',
        '`too_large`, `invalid`: a defect or a setting; the log of the gateway has the reason.',
        'Give the buffer room (`buffer.maxBytes`, `gateway.spoolBytes`), or mend the sink that holds it.',
      ],
      causes: [
        'A disk that is full or slow',
        'A sink that has stood still for hours',
        'A burst beyond `gateway.ringBytes`',
      ],
    },
  }),
  alert({
    name: 'PenstockSpoolInUse',
    severity: 'ticket',
    source: 'gateway',
    limits: { records: 5000 },
    expr: ({ records }) => {
      const waiting = sum(minOverTime(series(spoolBacklog), '5m'), 'instance')
      const standing = where(sum(increase(series(forwarded), '5m'), 'instance'), '==', 0)
      return or(where(waiting, '>', records), and(where(waiting, '>', 0), standing))
    },
    for: '5m',
    summary: 'Gateway {{ $labels.instance }} keeps records in its spool',
    description:
      '{{ $value | humanize }} records wait on gateway {{ $labels.instance }} for the shared buffer, for 10 minutes now. None is lost while the spool has room.',
    dashboard: dashboards.internals,
    runbook: {
      means:
        'The shared buffer does not take records, or not fast enough. They wait on the gateway’s disk, and analytics are behind.',
      command: 'penstock buffer inspect',
      steps: [
        'Does the shared buffer (Redis, Kafka) answer, from the gateway’s machine?',
        'Is it full, or read-only: its own log and memory?',
        'How long will the spool last: `penstock_spool_bytes` against `gateway.spoolBytes`?',
        'Mend the buffer: the spool drains by itself, oldest first.',
      ],
      causes: [
        'An outage or failover of the shared buffer',
        'A password that was changed',
        'A network between',
        'A buffer that is full',
      ],
    },
  }),
]
