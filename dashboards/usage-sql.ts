/** What product managers ask of ClickHouse. `${…}` and `$__…` are Grafana's: it puts the time range and the variables in. */

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: Grafana's variables
const hourly = '${tables}usage_1h'
const requests = '${tables}requests'

/** Of the whole hours that the time range touches: a row stands for an hour. */
const inRange = 't >= toStartOfHour($__fromTime) AND t <= $__toTime'
const chosen = ['api', 'team', 'consumer']
  .map((name) => `$__conditionalAll(${name} IN (\${${name}:singlequote}), $${name})`)
  .join(' AND ')
const where = `WHERE ${inRange} AND ${chosen}`
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: Grafana's variables

const success = '1 - sum(failed) / nullIf(sum(counted), 0) AS success'
const refusals = "outcome IN ('unauthenticated', 'forbidden', 'rate_limited', 'quota_exceeded')"
/** Bucket i of the sketch holds what lies between 2^(i/32) and 2^((i+1)/32) microseconds: right to 1.09 %. */
const percentile = (q: number) =>
  `exp2((mapKeys(sketch)[arrayFirstIndex(seen -> seen >= ${q} * arraySum(mapValues(sketch)), arrayCumSum(mapValues(sketch)))] + 0.5) / 32) / 1e6`

/** One number for all that is chosen. */
export const totals = {
  calls: `SELECT sum(calls) AS requests FROM ${hourly} ${where}`,
  consumers: `SELECT uniqExact(consumer) AS consumers FROM ${hourly} ${where} AND consumer != ''`,
  endpoints: `SELECT uniqExact(api, endpoint) AS endpoints FROM ${hourly} ${where}`,
  success: `SELECT ${success} FROM ${hourly} ${where}`,
}

/** Calls over time of the ten with the most. */
export function callsOverTime(by: 'endpoint' | 'consumer' | 'team'): string {
  return `
SELECT $__timeInterval(t) AS time, ${by}, sum(calls) AS requests
FROM ${hourly}
${where} AND ${by} IN (SELECT ${by} FROM ${hourly} ${where} AND ${by} != '' GROUP BY ${by} ORDER BY sum(calls) DESC LIMIT 10)
GROUP BY time, ${by}
ORDER BY time`
}

export const byEndpoint = `
SELECT api, endpoint, requests, requests / sum(requests) OVER () AS share, consumers, success, refused, ${percentile(0.95)} AS p95
FROM (
  SELECT api, endpoint, sum(calls) AS requests, uniqExactIf(consumer, consumer != '') AS consumers, ${success},
    sumIf(calls, ${refusals}) AS refused, sumMap(total_us_sketch) AS sketch
  FROM ${hourly}
  ${where}
  GROUP BY api, endpoint
)
ORDER BY requests DESC
LIMIT 200`

export const byConsumer = `
SELECT team, consumer, sum(calls) AS requests, uniqExact(api) AS apis, uniqExact(api, endpoint) AS endpoints, ${success},
  sumIf(calls, status >= 400 AND status < 500) / sum(calls) AS client_errors, sumIf(calls, ${refusals}) AS refused, max(t) AS last_seen
FROM ${hourly}
${where} AND consumer != ''
GROUP BY team, consumer
ORDER BY requests DESC
LIMIT 200`

export const byUseCase = `
SELECT use_case, sum(calls) AS requests, uniqExactIf(consumer, consumer != '') AS consumers, uniqExactIf(team, team != '') AS teams, ${success}
FROM ${hourly}
${where}
GROUP BY use_case
ORDER BY requests DESC
LIMIT 100`

/** The 20 greatest of both sides: what a person can read. */
export const matrix = `
SELECT endpoint, consumer, sum(calls) AS requests
FROM ${hourly}
${where}
  AND endpoint IN (SELECT endpoint FROM ${hourly} ${where} GROUP BY endpoint ORDER BY sum(calls) DESC LIMIT 20)
  AND consumer IN (SELECT consumer FROM ${hourly} ${where} AND consumer != '' GROUP BY consumer ORDER BY sum(calls) DESC LIMIT 20)
GROUP BY endpoint, consumer
ORDER BY requests DESC`

/** Against the time range of the same length before this one. */
export const growth = `
WITH toStartOfHour($__fromTime) AS since, since - ($__toTime - $__fromTime) AS earlier
SELECT api, endpoint, consumer, sumIf(calls, t >= since) AS requests, sumIf(calls, t < since) AS before,
  requests - before AS change, change / nullIf(before, 0) AS growth
FROM ${hourly}
WHERE t >= earlier AND t <= $__toTime AND ${chosen}
GROUP BY api, endpoint, consumer
HAVING change != 0
ORDER BY abs(change) DESC
LIMIT 50`

export const errors = `
SELECT api, endpoint, status, outcome, consumer, sum(calls) AS requests, requests / sum(requests) OVER () AS share,
  sum(failed) > 0 AS is_failure, max(t) AS last_seen
FROM ${hourly}
${where} AND outcome != 'ok'
GROUP BY api, endpoint, status, outcome, consumer
ORDER BY requests DESC
LIMIT 200`

/** Single requests: the newest that failed. */
export const failures = `
SELECT ts, api, endpoint, consumer, status, outcome, total_us / 1e6 AS took, upstream, gateway, trace_id
FROM ${requests}
WHERE $__timeFilter(ts) AND ${chosen} AND outcome NOT IN ('ok', 'client_aborted')
  AND (status >= 500 OR outcome IN ('upstream_error', 'upstream_timeout', 'upstream_unreachable', 'circuit_open', 'gateway_error'))
ORDER BY ts DESC
LIMIT 100`
