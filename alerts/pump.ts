import { max, ratio, series, sum, where } from '../metrics/promql.ts'
import { pumpMetrics } from '../metrics/pump.ts'
import { alert } from './alert.ts'
import { dashboards } from './dashboard.ts'
import type { AlertOptions } from './options.ts'

const { lagSeconds, sinkState, deadLettersHeld, conservationError, bufferBytes, bufferMaxBytes } = pumpMetrics
const fullness = ratio(max(series(bufferBytes), 'shard'), max(series(bufferMaxBytes), 'shard'))

/** What counts for the metrics is the sink that makes them; its name is the operator's. */
export function pumpAlerts({ pumpLagSeconds }: AlertOptions, prometheusSink: string) {
  return [
    alert({
      name: 'PenstockPumpLag',
      severity: 'page',
      source: 'pump-lag',
      limits: { seconds: pumpLagSeconds },
      expr: ({ seconds }) => where(max(series(lagSeconds, { sink: prometheusSink }), 'sink'), '>', seconds),
      for: '1m',
      summary: 'The metrics of requests are behind: the pump lags',
      description:
        'The oldest request that the metrics do not count yet is {{ $value | humanizeDuration }} old. What is computed from them is silent until the pump has caught up.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'Dashboards and alerts of APIs show the past. Alerts computed from these numbers are inhibited; the gateways’ own error rate still speaks.',
        command: 'penstock sinks list',
        steps: [
          'Does the pump run and deliver: `penstock_sink_state` and its log?',
          'Does it lag alone, or do all sinks: then the buffer is slow, or the pump has no CPU?',
          'Is there more traffic than it can take: `penstock_records_made_total` against `penstock_component_sent_records_total`?',
          'Start another pump beside it where the buffer is shared: they share the work by themselves.',
        ],
        causes: [
          'A pump that was down and catches up',
          'A burst of traffic',
          'A pump without CPU',
          'A buffer that answers slowly',
        ],
      },
    }),
    alert({
      name: 'PenstockSinkLag',
      severity: 'ticket',
      source: 'pump',
      limits: { seconds: 600 },
      expr: ({ seconds }) => where(max(series(lagSeconds, { sink: ['!=', prometheusSink] }), 'sink'), '>', seconds),
      for: '5m',
      summary: 'Sink {{ $labels.sink }} is behind',
      description: 'The oldest record that {{ $labels.sink }} has not got yet is {{ $value | humanizeDuration }} old.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'Records wait in the buffer for this sink. Others are not touched, and nothing is lost while the buffer has room.',
        command: 'penstock sinks list',
        steps: [
          'What does its backend answer: `penstock_component_errors_total` by `kind`, and the log of the pump?',
          'Is it slow: `penstock_sink_write_duration_seconds`?',
          'How long will the buffer last: `penstock_buffer_bytes` against its limit?',
        ],
        causes: ['A backend that is down or slow', 'A backend without room', 'Blocks that are too small'],
      },
    }),
    alert({
      name: 'PenstockSinkHalted',
      severity: 'page',
      source: 'pump',
      limits: { shards: 0 },
      expr: ({ shards }) => where(sum(series(sinkState, { state: 'halted' }), 'sink'), '>', shards),
      for: '1m',
      summary: 'Sink {{ $labels.sink }} has halted and needs a person',
      description:
        'Sink {{ $labels.sink }} stands still on {{ $value }} shards: something in its configuration or its backend is wrong.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'The backend refused in a way that waiting does not mend. Its records are kept in the buffer; it is tried again every 30 s.',
        command: 'penstock sinks list',
        steps: [
          'The log of the pump has the reason: "Sink halted …".',
          'A password, a missing table, a certificate: mend it at the backend, or in the configuration and restart the pump.',
          'It goes on by itself within 30 s; see its lag fall.',
        ],
        causes: [
          'A password that was changed',
          'A table or right that is missing',
          'An expired certificate',
          'More than a tenth of a block refused',
        ],
      },
    }),
    alert({
      name: 'PenstockDeadLetters',
      severity: 'ticket',
      source: 'pump',
      limits: { letters: 0 },
      expr: ({ letters }) => where(sum(series(deadLettersHeld), 'sink'), '>', letters),
      for: '5m',
      summary: 'Sink {{ $labels.sink }} has refused records',
      description: '{{ $value | humanize }} records that {{ $labels.sink }} refused wait for somebody to look at them.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'Records are missing in this sink, each kept with the reason. They stay until they are retried or dropped.',
        command: 'penstock dead list SINK',
        steps: [
          'Why: `penstock dead list` and `penstock dead show` give the reason of each.',
          'Is it the backend’s schema or limit? Mend it, then `penstock dead retry SINK --all`.',
          'Are the records worth nothing? `penstock dead drop SINK ID…`.',
        ],
        causes: [
          'A column that is too narrow, or missing',
          'A value that the backend does not take',
          'A document that is too large',
        ],
      },
    }),
    alert({
      name: 'PenstockConservationError',
      severity: 'ticket',
      source: 'pump',
      limits: { records: 0 },
      expr: ({ records }) => where(max(series(conservationError), 'sink', 'shard'), '!=', records),
      for: '5m',
      summary: 'The books of sink {{ $labels.sink }} do not balance',
      description:
        'Of shard {{ $labels.shard }}, {{ $value }} records were appended that {{ $labels.sink }} neither has, nor waits for, nor refused; or, where negative, the other way round.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'Records were lost or counted twice between the buffer and this sink. It must never happen: it is a defect.',
        command: 'penstock audit --from 1d --sink SINK',
        steps: [
          '`penstock audit` names the minutes, and the ids that are missing or there twice.',
          '`penstock buffer verify` reads every frame of the buffer.',
          'Keep the logs of pump and buffer, and report it with them.',
        ],
        causes: ['A defect', 'A buffer that lost its tail: a failover, a restored backup, a disk'],
      },
    }),
    alert({
      name: 'PenstockBufferFilling',
      severity: 'ticket',
      source: 'pump',
      limits: { share: 0.7 },
      expr: ({ share }) => where(fullness, '>', share),
      for: '5m',
      summary: 'The buffer fills up',
      description: 'Shard {{ $labels.shard }} of the buffer is {{ $value | humanizePercentage }} full.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'A sink does not take its records, so that they cannot be let go of. At 95 % the oldest records of that sink are given up.',
        command: 'penstock sinks list',
        steps: [
          'Which sink has the greatest backlog?',
          'Mend its backend; or retire the sink if it is gone for good: `penstock sinks retire NAME`.',
          'Raise `buffer.maxBytes` where there is room.',
        ],
        causes: [
          'A backend that is down',
          'A sink that is in the log, but not in the configuration any more',
          'Growth',
        ],
      },
    }),
    alert({
      name: 'PenstockBufferNearlyFull',
      severity: 'page',
      source: 'pump',
      limits: { share: 0.85 },
      expr: ({ share }) => where(fullness, '>', share),
      for: '1m',
      summary: 'The buffer is nearly full: records will be given up',
      description:
        'Shard {{ $labels.shard }} of the buffer is {{ $value | humanizePercentage }} full. At 95 % records are evicted.',
      dashboard: dashboards.internals,
      runbook: {
        means:
          'Soon the oldest records of the sink that holds the buffer are given up; where a sink holds for ever, new records are refused.',
        command: 'penstock sinks list',
        steps: [
          'Which sink has the greatest backlog? It decides how much time is left.',
          'Mend its backend now, or raise `buffer.maxBytes` and restart.',
          'A sink that nobody needs any more: `penstock sinks retire NAME` frees the room at once.',
        ],
        causes: [
          'A backend that has been down for hours',
          'A sink that is in the log, but not in the configuration any more',
        ],
      },
    }),
  ]
}
