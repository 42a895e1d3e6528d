import { type AlertCase, flat, growing } from '../case.ts'

const minutes = 15
const samples = minutes + 1

function at(alert: string, says: string, series: AlertCase['series'], fires: AlertCase['fires']): AlertCase {
  return { alert, says, everyMinutes: 1, series, atMinutes: minutes, fires }
}

const of = (metric: string, sink: string, value: number) => ({
  [`${metric}{sink="${sink}", shard="0"}`]: flat(value, samples),
})
const lag = (sink: string, seconds: number) => of('penstock_lag_seconds', sink, seconds)
const halted = (value: number) => ({
  'penstock_sink_state{sink="warehouse", shard="0", state="halted"}': flat(value, samples),
  'penstock_sink_state{sink="warehouse", shard="1", state="halted"}': flat(0, samples),
  'penstock_sink_state{sink="warehouse", shard="1", state="running"}': flat(1, samples),
})
const buffer = (bytes: number) => ({
  'penstock_buffer_bytes{instance="pump-1", shard="0"}': flat(bytes, samples),
  'penstock_buffer_max_bytes{instance="pump-1", shard="0"}': flat(1000, samples),
})
const warehouse = [{ sink: 'warehouse' }]

const consumed = (outcome: string, requests: number, refused: number) => ({
  'penstock_consumer_requests_total{api="orders", consumer="acme", status_class="2xx"}': growing(
    requests - refused,
    samples,
  ),
  'penstock_consumer_requests_total{api="orders", consumer="acme", status_class="4xx"}': growing(refused, samples),
  [`penstock_consumer_refused_requests_total{api="orders", consumer="acme", outcome="${outcome}"}`]: growing(
    refused,
    samples,
  ),
})
const acme = [{ api: 'orders', consumer: 'acme' }]

const requests = {
  'penstock_gateway_requests_total{instance="gw-1:8081", outcome="ok", status_class="2xx"}': growing(30, samples),
}
const idle = {
  'penstock_gateway_requests_total{instance="gw-1:8081", outcome="ok", status_class="2xx"}': growing(0, samples),
}
const counted = { 'penstock_requests_total{api="orders", outcome="ok"}': growing(30, samples) }

const scraped = (job: string, value: number) => ({ [`up{job="${job}", instance="a:1"}`]: flat(value, samples) })

export const pumpCases: readonly AlertCase[] = [
  at('PenstockPumpLag', 'the metrics are 66 s behind', lag('prometheus', 66), [{ sink: 'prometheus' }]),
  at('PenstockPumpLag', 'the metrics are 54 s behind', lag('prometheus', 54), []),
  at('PenstockPumpLag', 'another sink is behind', lag('warehouse', 5000), []),
  at('PenstockSinkLag', 'another sink is 11 minutes behind', lag('warehouse', 660), warehouse),
  at('PenstockSinkLag', 'another sink is 9 minutes behind', lag('warehouse', 540), []),
  at('PenstockSinkLag', 'the metrics are behind', lag('prometheus', 5000), []),
  at('PenstockSinkHalted', 'one of two shards stands still', halted(1), warehouse),
  at('PenstockSinkHalted', 'none does', halted(0), []),
  at('PenstockDeadLetters', 'one is held', of('penstock_dead_letters_held', 'warehouse', 1), warehouse),
  at('PenstockDeadLetters', 'none is held', of('penstock_dead_letters_held', 'warehouse', 0), []),
  at('PenstockConservationError', 'one too few', of('penstock_conservation_error_records', 'warehouse', 1), [
    { sink: 'warehouse', shard: '0' },
  ]),
  at('PenstockConservationError', 'one too many', of('penstock_conservation_error_records', 'warehouse', -1), [
    { sink: 'warehouse', shard: '0' },
  ]),
  at('PenstockConservationError', 'none', of('penstock_conservation_error_records', 'warehouse', 0), []),
  at('PenstockBufferFilling', '75 % full', buffer(750), [{ shard: '0' }]),
  at('PenstockBufferFilling', '65 % full', buffer(650), []),
  at('PenstockBufferNearlyFull', '90 % full', buffer(900), [{ shard: '0' }]),
  at('PenstockBufferNearlyFull', '80 % full', buffer(800), []),

  at('PenstockConsumerRateLimited', '0.55 a second', consumed('rate_limited', 100, 33), acme),
  at('PenstockConsumerRateLimited', '0.45 a second', consumed('rate_limited', 100, 27), []),
  at('PenstockConsumerRateLimited', '22 % of many', consumed('quota_exceeded', 1000, 220), acme),
  at('PenstockConsumerRateLimited', '18 % of many', consumed('rate_limited', 1000, 180), []),
  at('PenstockConsumerUnauthenticated', '0.55 a second', consumed('unauthenticated', 100, 33), acme),
  at('PenstockConsumerUnauthenticated', '0.45 a second', consumed('forbidden', 100, 27), []),
  at('PenstockConsumerUnauthenticated', '22 % of many', consumed('forbidden', 1000, 220), acme),
  at('PenstockConsumerUnauthenticated', '18 % of many', consumed('unauthenticated', 1000, 180), []),
  at('PenstockConsumerUnauthenticated', 'limits are another matter', consumed('rate_limited', 100, 90), []),

  at('PenstockGatewayDown', 'one does not answer', scraped('penstock-gateway', 0), [
    { job: 'penstock-gateway', instance: 'a:1' },
  ]),
  at('PenstockGatewayDown', 'there is none', scraped('penstock-pump', 1), [{ job: 'penstock-gateway' }]),
  at('PenstockGatewayDown', 'it answers', scraped('penstock-gateway', 1), []),
  at('PenstockPumpDown', 'one does not answer', scraped('penstock-pump', 0), [{ job: 'penstock-pump' }]),
  at(
    'PenstockPumpDown',
    'one of two answers',
    { ...scraped('penstock-pump', 0), 'up{job="penstock-pump", instance="b:1"}': flat(1, samples) },
    [],
  ),
  at('PenstockPumpDown', 'there is none', scraped('penstock-gateway', 1), [{ job: 'penstock-pump' }]),
  at('PenstockPumpDown', 'it answers', scraped('penstock-pump', 1), []),
  at('PenstockRecordMetricsAbsent', 'requests without metrics', requests, [{}]),
  at('PenstockRecordMetricsAbsent', 'requests with metrics', { ...requests, ...counted }, []),
  at('PenstockRecordMetricsAbsent', 'no requests', idle, []),
]
