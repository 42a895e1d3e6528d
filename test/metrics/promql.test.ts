import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  absent,
  and,
  andOn,
  buckets,
  countOverTime,
  increase,
  labelled,
  max,
  minus,
  now,
  observed,
  or,
  quantile,
  quantileAcross,
  quantileOverTime,
  rate,
  ratio,
  selector,
  series,
  share,
  sum,
  times,
  timesOn,
  topk,
  where,
  whereOn,
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

test('sides with different labels are joined by those that both have', () => {
  const left = sum(rate(series(requests), '5m'), 'api', 'endpoint')
  const right = sum(rate(series(requests), '5m'), 'api')
  const [l, r] = [left.text, right.text]
  assert.equal(whereOn(left, '>', ['api'], right).text, `${l} > on (api) ${r}`)
  assert.equal(andOn(left, ['api'], right).text, `${l} and on (api) ${r}`)
  assert.equal(timesOn(left, ['api'], right).text, `${l} * on (api) group_left () ${r}`)
  assert.deepEqual(timesOn(left, ['api'], right).labels, ['api', 'endpoint'])
  // @ts-expect-error the right side has no such label
  andOn(left, ['endpoint'], right)
})

test('the past may be sampled, and end earlier', () => {
  const past = { window: '7d', step: '1h', offset: '15m' } as const
  const rates = selector('penstock:requests:rate5m', ['api'])
  assert.equal(
    quantileOverTime(0.5, rates, past).text,
    'quantile_over_time(0.5, penstock:requests:rate5m[7d:1h] offset 15m)',
  )
  assert.equal(countOverTime(rates, { window: '7d' }).text, 'count_over_time(penstock:requests:rate5m[7d])')
  assert.equal(
    quantileAcross(0.5, labelled(rates, 'week', '1'), 'api').text,
    'quantile by (api) (0.5, label_replace(penstock:requests:rate5m, "week", "1", "", ""))',
  )
  assert.equal(minus(rates, now).text, 'penstock:requests:rate5m - time()')
})
