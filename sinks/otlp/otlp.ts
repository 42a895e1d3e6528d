import { defineSink } from '../sink.ts'
import { otlpOptions } from './options.ts'

export default defineSink({
  summary: 'Sends logs, traces and metrics to a receiver of OTLP over HTTP, such as the OpenTelemetry Collector',
  outOfReach: 'It has passed its records on: ask and erase in the backends behind the collector.',
  idempotency: 'none', // OTLP knows no tokens: what a crash leaves in doubt is sent again
  options: otlpOptions,
  block: {
    maxRecords: 5000, // some requests
    maxBytes: 8 * 1024 * 1024,
    maxAgeMs: 1000,
  },
  inFlight: 1, // windows of metrics follow each other; and what a crash repeats is one block
  async open(options, { log }) {
    const { OtlpSink } = await import('./otlp-sink.ts')
    return new OtlpSink(options, log)
  },
  notResendable:
    'OTLP knows no identity of a record: whatever is behind the receiver would have it, and count it, twice. Replay from a store that has the records, or add a sink with another name whose startAt is that time, to a receiver that does not have them.',
  async diagnose(options, _, signal) {
    const { diagnoseOtlp } = await import('./diagnose.ts')
    return await diagnoseOtlp(options, signal)
  },
})
