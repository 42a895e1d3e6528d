import { metric } from './metric.ts'

/** What the gateway says about itself: enough to see trouble when no pump runs. */
export const gatewayMetrics = {
  requests: metric({
    name: 'penstock_gateway_requests_total',
    type: 'counter',
    help: 'Requests that ended, by outcome',
    labels: ['outcome', 'status_class'],
  }),
  inFlight: metric({
    name: 'penstock_gateway_in_flight_requests',
    type: 'gauge',
    help: 'Requests being served',
    labels: [],
  }),
  upstreamUp: metric({
    name: 'penstock_upstream_up',
    type: 'gauge',
    help: '1 while the target is used, 0 while it is skipped after failed requests or health checks',
    labels: ['upstream', 'target'],
  }),
  configReloads: metric({
    name: 'penstock_config_reloads_total',
    type: 'counter',
    help: 'Attempts to take a changed configuration or certificate, by result',
    labels: ['result'],
  }),
  configFresh: metric({
    name: 'penstock_config_last_reload_successful',
    type: 'gauge',
    help: '1 where the configuration and certificates in use are those of the files, 0 after a change that could not be taken',
    labels: [],
  }),
  upstreamChanged: metric({
    name: 'penstock_upstream_last_change_timestamp_seconds',
    type: 'gauge',
    help: 'When the target last came up or went down; when it was first known, where it never did',
    labels: ['upstream', 'target'],
  }),
  upstreamHealthSeconds: metric({
    name: 'penstock_upstream_health_latency_seconds',
    type: 'gauge',
    help: 'How long the target took for the last health check, its failure included; only where health checks are configured',
    labels: ['upstream', 'target'],
  }),
  upstreamHealthChecks: metric({
    name: 'penstock_upstream_health_checks_total',
    type: 'counter',
    help: 'Health checks of the target, by result: ok or failed',
    labels: ['upstream', 'target', 'result'],
  }),
  certificateExpires: metric({
    name: 'penstock_certificate_expires_timestamp_seconds',
    type: 'gauge',
    help: 'When the certificate in use expires',
    labels: ['file'],
  }),
}

/** What the gateway says about the keys that it knows. */
export const keyMetrics = {
  expires: metric({
    name: 'penstock_key_expires_timestamp_seconds',
    type: 'gauge',
    help: 'When the live key of the consumer that expires first does so; only the 100 consumers whose keys expire soonest',
    labels: ['consumer', 'key'],
  }),
  deadUses: metric({
    name: 'penstock_dead_key_requests_total',
    type: 'counter',
    help: 'Requests with a key that works no more, by why: expired or revoked; consumers beyond the first 100 are counted under __other__',
    labels: ['consumer', 'reason'],
  }),
}

/** What becomes of the records on their way from the request into the log. */
export const recorderMetrics = {
  made: metric({
    name: 'penstock_records_made_total',
    type: 'counter',
    help: 'Records that requests left behind in this process',
    labels: [],
  }),
  appended: metric({
    name: 'penstock_records_appended_total',
    type: 'counter',
    help: 'Records made durable in the local buffer',
    labels: [],
  }),
  refused: metric({
    name: 'penstock_records_refused_total',
    type: 'counter',
    help: 'Records refused and lost, by reason: ring_full, too_large, invalid or closed',
    labels: ['reason'],
  }),
  ringRecords: metric({
    name: 'penstock_ring_records',
    type: 'gauge',
    help: 'Records that wait in memory for their append: made = appended + refused + these',
    labels: [],
  }),
  ringBytes: metric({
    name: 'penstock_ring_bytes',
    type: 'gauge',
    help: 'Bytes of the records that wait in memory for their append',
    labels: [],
  }),
  forwarded: metric({
    name: 'penstock_forwarded_records_total',
    type: 'counter',
    help: 'Records moved from the local buffer into the shared one',
    labels: [],
  }),
  skipped: metric({
    name: 'penstock_skipped_records_total',
    type: 'counter',
    help: 'Records passed over in the shared buffer because the local one no longer has them',
    labels: [],
  }),
  spoolBytes: metric({
    name: 'penstock_spool_bytes',
    type: 'gauge',
    help: 'Bytes of the frames that the local buffer holds',
    labels: [],
  }),
  spoolBacklog: metric({
    name: 'penstock_spool_backlog_records',
    type: 'gauge',
    help: 'Records in the local buffer that are not yet forwarded into the shared one',
    labels: [],
  }),
}
