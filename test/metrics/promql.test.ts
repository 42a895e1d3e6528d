import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  absent,
  and,
  buckets,
  increase,
  max,
  minus,
  observed,
  or,
  quantile,
  rate,
  ratio,
  selector,
  series,
  share,
  sum,
  times,
  topk,
  where,
} from '../../metrics/promql.ts'
import { recordMetrics } from '../../metrics/records.ts'

const { requests, requestDuration } = recordMetrics

test('a selector says its name and what its labels must be', () => {
  assert.equal(series(requests).text, 'penstock_requests_total')
  assert.equal(
    series(requests, { api: ['=~', '$api'], outcome: 'ok', instance: ['!=', 'a"b'] }).text,
    'penstock_requests_total{api=~"$api", outcome="ok", instance!="a\\"b"}',
  )
  assert.equal(observed('sum', requestDuration).text, 'penstock_request_duration_seconds_sum')
  assert.deepEqual(selector('up', ['job']).text, 'up')
})

test('an aggregation has the labels that it is by, and no others', () => {
  const byApi = sum(rate(series(requests), '5m'), 'api', 'status_class')
  assert.equal(byApi.text, 'sum by (api, status_class) (rate(penstock_requests_total[5m]))')
  assert.deepEqual(byApi.labels, ['api', 'status_class'])
  assert.equal(max(increase(series(requests), '1h', '1w')).text, 'max(increase(penstock_requests_total[1h] offset 1w))')
  // @ts-expect-error a label that the metric does not have
  sum(rate(series(requests)), 'endpont')
  // @ts-expect-error a label that the metric does not have
  series(requests, { consumer: 'acme' })
  // @ts-expect-error what an aggregation has dropped is gone
  sum(byApi, 'endpoint')
})

test('a quantile is taken of the rates of the buckets', () => {
  assert.equal(
    quantile(0.99, buckets(requestDuration, { api: 'orders' }), '$__rate_interval', 'endpoint').text,
    'histogram_quantile(0.99, sum by (endpoint, le) (rate(penstock_request_duration_seconds_bucket{api="orders"}[$__rate_interval])))',
  )
  assert.throws(() => buckets(requests), /penstock_requests_total is no histogram/)
  assert.throws(() => series(requestDuration), /is a histogram: ask for its buckets/)
})

test('operations stand in brackets where they are part of another', () => {
  const failed = sum(rate(series(recordMetrics.failedRequests), '5m'), 'api')
  const all = sum(rate(series(requests), '5m'), 'api')
  const f = 'sum by (api) (rate(penstock_failed_requests_total[5m]))'
  const a = 'sum by (api) (rate(penstock_requests_total[5m]))'
  assert.equal(where(ratio(failed, all), '>', 0.01).text, `(${f} / ${a}) > 0.01`)
  assert.equal(times(minus(all, failed), 100).text, `(${a} - ${f}) * 100`)
  assert.equal(and(where(failed, '>', 1), where(all, '>', 10)).text, `(${f} > 1) and (${a} > 10)`)
  assert.equal(or(failed, times(all, 0)).text, `${f} or (${a} * 0)`)
  assert.equal(topk(5, all).text, `topk(5, ${a})`)
  assert.equal(absent(series(requests)).text, 'absent(penstock_requests_total)')
})

test('a share is of the total with the same labels', () => {
  const byEndpoint = sum(rate(series(requests), '5m'), 'api', 'endpoint')
  const byApi = sum(rate(series(requests), '5m'), 'api')
  assert.equal(
    share(byEndpoint, ['api'], byApi).text,
    'sum by (api, endpoint) (rate(penstock_requests_total[5m])) / on (api) group_left () sum by (api) (rate(penstock_requests_total[5m]))',
  )
})
