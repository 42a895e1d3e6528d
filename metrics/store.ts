import { metric } from './metric.ts'

/** What the store says about itself. */
export const storeMetrics = {
  bytes: metric({
    name: 'penstock_store_bytes',
    type: 'gauge',
    help: 'What the store takes on the disk, with the room that it holds free for itself',
    labels: ['sink'],
  }),
  maxBytes: metric({
    name: 'penstock_store_max_bytes',
    type: 'gauge',
    help: 'What the store may take on the disk: above, its oldest records go',
    labels: ['sink'],
  }),
  records: metric({
    name: 'penstock_store_records',
    type: 'gauge',
    help: 'Records in the store',
    labels: ['sink'],
  }),
  files: metric({
    name: 'penstock_store_files',
    type: 'gauge',
    help: 'Parquet files in the store',
    labels: ['sink'],
  }),
  letGo: metric({
    name: 'penstock_store_let_go_records_total',
    type: 'counter',
    help: 'Records that the store no longer has: evicted at the disk limit, expired by the retention, or lost with their files',
    labels: ['sink', 'reason'],
  }),
}
