import { metric } from './metric.ts'

const reader = ['sink', 'shard'] as const

/** What the pump says about itself: every term of the conservation equation, lag, and how each sink fares. */
export const pumpMetrics = {
  appended: metric({
    name: 'penstock_reader_appended_records',
    type: 'gauge',
    help: 'Records that the log has taken since the reader’s start, by the counts stamped at the append',
    labels: reader,
  }),
  delivered: metric({
    name: 'penstock_reader_delivered_records',
    type: 'gauge',
    help: 'Records settled as delivered since the reader’s start',
    labels: reader,
  }),
  filtered: metric({
    name: 'penstock_reader_filtered_records',
    type: 'gauge',
    help: 'Records settled as filtered out since the reader’s start',
    labels: reader,
  }),
  deadLettered: metric({
    name: 'penstock_reader_dead_lettered_records',
    type: 'gauge',
    help: 'Records settled as dead letters since the reader’s start',
    labels: reader,
  }),
  evicted: metric({
    name: 'penstock_reader_evicted_records',
    type: 'gauge',
    help: 'Records given up for this sink because it held a nearly full buffer',
    labels: reader,
  }),
  deadLettersHeld: metric({
    name: 'penstock_dead_letters_held',
    type: 'gauge',
    help: 'Dead letters that are kept, until somebody retries or drops them',
    labels: reader,
  }),
  sinkOrphan: metric({
    name: 'penstock_sink_orphan',
    type: 'gauge',
    help: '1 where the log knows a sink that is not in the config: it holds the log until it is retired',
    labels: ['sink'],
  }),
  conservationError: metric({
    name: 'penstock_conservation_error_records',
    type: 'gauge',
    help: 'appended − delivered − filtered − dead-lettered − evicted − backlog: anything but 0 is a defect',
    labels: reader,
  }),
  lagRecords: metric({
    name: 'penstock_lag_records',
    type: 'gauge',
    help: 'Records in the log that the sink has not settled',
    labels: reader,
  }),
  lagSeconds: metric({
    name: 'penstock_lag_seconds',
    type: 'gauge',
    help: 'Age of the oldest record that the sink has not settled; 0 where there is none',
    labels: reader,
  }),
  sinkState: metric({
    name: 'penstock_sink_state',
    type: 'gauge',
    help: '1 for the state that the sink × shard is in: running, retrying, halted or waiting for another owner’s lease',
    labels: ['sink', 'shard', 'state'],
  }),
  received: metric({
    name: 'penstock_component_received_records_total',
    type: 'counter',
    help: 'Records that this process took from the log for the sink',
    labels: ['component'],
  }),
  sent: metric({
    name: 'penstock_component_sent_records_total',
    type: 'counter',
    help: 'Records settled as delivered in this process',
    labels: ['component'],
  }),
  sentBytes: metric({
    name: 'penstock_component_sent_bytes_total',
    type: 'counter',
    help: 'Bytes, as they stand in the log, of the records settled as delivered in this process',
    labels: ['component'],
  }),
  discarded: metric({
    name: 'penstock_component_discarded_records_total',
    type: 'counter',
    help: 'Records that the sink does not get from this process; intentional where its filter or sampling said so, or where they were released unsettled for the next owner',
    labels: ['component', 'reason', 'intentional'],
  }),
  errors: metric({
    name: 'penstock_component_errors_total',
    type: 'counter',
    help: 'Writes that failed, by what the failure asks for: retry, reject, halt or unknown',
    labels: ['component', 'kind'],
  }),
  writeSeconds: metric({
    name: 'penstock_sink_write_duration_seconds',
    type: 'histogram',
    help: 'Time that the sink took for one block',
    labels: ['sink'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  }),
  bufferBytes: metric({
    name: 'penstock_buffer_bytes',
    type: 'gauge',
    help: 'Bytes of the frames that the log holds',
    labels: ['shard'],
  }),
  bufferMaxBytes: metric({
    name: 'penstock_buffer_max_bytes',
    type: 'gauge',
    help: 'Size at which the log refuses to take more',
    labels: ['shard'],
  }),
}
