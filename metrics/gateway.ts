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
    help: '1 while the target is used, 0 while it is skipped after failures',
    labels: ['upstream', 'target'],
  }),
  configReloads: metric({
    name: 'penstock_config_reloads_total',
    type: 'counter',
    help: 'Attempts to take a changed configuration or certificate, by result',
    labels: ['result'],
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
