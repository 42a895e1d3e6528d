import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answersRate, failedRate, failedRatio, requestsRate, slowRate, slowRatio } from '../../metrics/recorded.ts'

test('a request that the client gave up counts for nothing', () => {
  assert.equal(requestsRate.expr.text, 'sum by (api) (rate(penstock_requests_total{outcome!="client_aborted"}[5m]))')
  assert.equal(failedRate.expr.text, 'sum by (api) (rate(penstock_failed_requests_total[5m]))')
})

test('shares of a window are of sums, so that each request weighs the same', () => {
  assert.equal(failedRatio('30d').name, 'penstock:failed_requests:ratio_rate30d')
  assert.equal(
    failedRatio('30d').expr.text,
    'sum by (api) (sum_over_time(penstock:failed_requests:rate5m[30d])) / (sum by (api) (sum_over_time(penstock:requests:rate5m[30d])) > 0)',
  )
  assert.equal(
    failedRatio('5m').expr.text,
    'sum by (api) (penstock:failed_requests:rate5m) / (sum by (api) (penstock:requests:rate5m) > 0)',
  )
})

test('slow is what was answered, but not within the bound', () => {
  assert.equal(
    answersRate.expr.text,
    'sum by (api) (rate(penstock_request_duration_seconds_count{status_class!="5xx"}[5m]))',
  )
  assert.equal(
    slowRate(1).expr.text,
    'penstock:answered_requests:rate5m - sum by (api) (rate(penstock_request_duration_seconds_bucket{status_class!="5xx", le=~"1(\\\\.0)?"}[5m]))',
  )
  assert.deepEqual(slowRate(0.3).fixed, { bound: '0.3' })
  assert.match(slowRate(0.3).expr.text, /le=~"0\\\\\.3"/)
  assert.equal(
    slowRatio(0.3, '1h').expr.text,
    'sum by (api) (sum_over_time(penstock:slow_requests:rate5m{bound="0.3"}[1h])) / (sum by (api) (sum_over_time(penstock:answered_requests:rate5m[1h])) > 0)',
  )
})
