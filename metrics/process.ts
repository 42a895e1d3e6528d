import { metric } from './metric.ts'

/** What every process says about itself. `process_…` are the names that all Prometheus clients use. */
export const processMetrics = {
  buildInfo: metric({
    name: 'penstock_build_info',
    type: 'gauge',
    help: 'Always 1: which version runs here, in which role',
    labels: ['version', 'role'],
  }),
  startTime: metric({
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process started, Unix seconds',
    labels: [],
  }),
  cpu: metric({
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of all threads of the process',
    labels: [],
  }),
  residentMemory: metric({
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Memory of the process that is in RAM',
    labels: [],
  }),
  loopActive: metric({
    name: 'penstock_event_loop_active_seconds_total',
    type: 'counter',
    help: 'Time that the main thread was at work: a rate near 1 means that it cannot do more',
    labels: [],
  }),
}
