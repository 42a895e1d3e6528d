import { columnOf } from '../record/column.ts'
import { countedSql, failedSql } from '../record/outcome-sql.ts'
import { bucketDuckDbSql } from '../record/sketch.ts'
import type { SqlValue } from '../sinks/store/duckdb.ts'
import type { StoreStatement } from '../sinks/store/read.ts'
import { type FilterField, isTag } from './dimension.ts'
import { isQuantile, type Metric, type Quantile, quantiles } from './metric.ts'
import type { UsageQuery } from './query.ts'

/** Whose records may be seen. It never comes from the query. */
export interface Scope {
  readonly org: string
}

/** Gives a value to the statement; returns the name that stands for it in the text. */
type Bind = (value: SqlValue) => string

/**
 * Turns a query into one statement. Its text is made of names from fixed lists only; every value of the query is a parameter.
 *
 * The answer has rows of several kinds:
 * - `group` for each group that is a row of the result, with its `slot` from 1 on in the order of the first metric and its
 *   dimensions as d0, d1, …; and one without a slot that sums up `groups` others. Without dimensions there is one, which is the total;
 * - `bucket`, where quantiles are asked for, for each slot and bucket of its sketch;
 * - `consumers`, where they are asked for, for each slot, and `all_consumers`: what cannot be summed up.
 */
export function plan(query: UsageQuery, scope: Scope): StoreStatement {
  const params: Record<string, SqlValue> = {}
  const bind: Bind = (value) => {
    const name = `p${Object.keys(params).length}`
    params[name] = value
    return `$${name}`
  }
  const { metrics, by } = query
  const keys = by.map((_, i) => `d${i}`)
  const steps = [
    baseSql(query, scope, bind),
    ...(keys.length > 0 ? dividedSql(query, keys, bind) : undividedSql(metrics)),
  ]
  const sets = [
    groupsSql(metrics, keys),
    ...(metrics.some(isQuantile) ? [bucketsSql] : []),
    ...(metrics.includes('consumers') ? [consumersSql] : []),
  ]
  const sql = `WITH ${steps.join(',\n')}\n${sets.join('\nUNION ALL BY NAME\n')}`
  return { sql, params, fromUs: query.fromMs * 1000, toUs: query.toMs * 1000 }
}

/** The records in question, with what they are split by. */
function baseSql({ by, filters, fromMs, toMs }: UsageQuery, { org }: Scope, bind: Bind): string {
  const conditions = [
    `org = ${bind(org)}`,
    `ts >= make_timestamp(${bind(fromMs * 1000)}::BIGINT)`,
    `ts < make_timestamp(${bind(toMs * 1000)}::BIGINT)`,
    ...filters.map(({ field, comparison, values }) => {
      const column = fieldSql(field, bind)
      if (comparison === '==') return `${column} IN (${values.map(bind).join(', ')})`
      if (comparison === '!=') return `${column} NOT IN (${values.map(bind).join(', ')})`
      return `${column} ${comparison} ${bind(values[0])}`
    }),
  ]
  const keys = by.map((field, i) => `${fieldSql(field, bind)} AS d${i}, `)
  return `base AS NOT MATERIALIZED (
  SELECT ${keys.join('')}weight, status, outcome, consumer, bytes_in, bytes_out, ${bucketDuckDbSql('total_us')} AS bucket
  FROM records
  WHERE ${conditions.join('\n    AND ')}
)`
}

function fieldSql(field: FilterField, bind: Bind): string {
  if (isTag(field)) {
    const pointer = `/${field.slice('tags.'.length).replaceAll('~', '~0').replaceAll('/', '~1')}`
    return `coalesce(json_extract_string(tags, ${bind(pointer)}), '')`
  }
  if (field === 'statusClass') return "concat(status // 100, 'xx')"
  return columnOf(field)
}

/** Without dimensions there is one group, also where there are no records. */
function undividedSql(metrics: readonly Metric[]): string[] {
  return [
    `slots AS MATERIALIZED (SELECT NULL::BIGINT AS slot, ${sumsSql(metrics)} FROM base)`,
    'slotted AS NOT MATERIALIZED (SELECT *, NULL::BIGINT AS slot FROM base)',
  ]
}

/**
 * Sums up each group, and numbers those that become rows by the first metric. What is not a sum needs the records once more,
 * each with the slot of its group: so that no more is held than a row for each group.
 */
function dividedSql({ metrics, limit }: UsageQuery, keys: readonly string[], bind: Bind): string[] {
  const list = keys.join(', ')
  const [first = 'calls'] = metrics
  const order = `ORDER BY ${isQuantile(first) ? 'rank' : orderSql[first]} DESC NULLS LAST, ${list}`
  const ranks = isQuantile(first) ? [`ranks AS MATERIALIZED (${rankSql(first, list)})`] : []
  const needed = first === 'consumers' ? `, ${distinctConsumersSql} AS consumers` : ''
  return [
    `sums AS NOT MATERIALIZED (SELECT ${list}, ${sumsSql(metrics)}${needed} FROM base GROUP BY ${list})`,
    ...ranks,
    `ranked AS NOT MATERIALIZED (SELECT *, row_number() OVER (${order}) AS place FROM sums${isQuantile(first) ? ` JOIN ranks USING (${list})` : ''})`,
    `slots AS MATERIALIZED (SELECT *, CASE WHEN place <= ${bind(limit)} THEN place END AS slot FROM ranked)`,
    `slotted AS NOT MATERIALIZED (SELECT base.*, slot FROM base LEFT JOIN (FROM slots WHERE slot IS NOT NULL) USING (${list}))`,
  ]
}

/** What is summed up, each under its name: `calls` always, the others where a metric is made of them. */
function sumsOf(metrics: readonly Metric[]): Readonly<Record<string, string>> {
  const hasRates = metrics.some((metric) => metric === 'success_rate' || metric === 'error_rate')
  return {
    calls: 'sum(weight)',
    ...(hasRates ? { counted: `sum(weight) FILTER (WHERE ${countedSql})` } : {}),
    ...(hasRates || metrics.includes('failed') ? { failed: `sum(weight) FILTER (WHERE ${failedSql})` } : {}),
    ...(metrics.includes('bytes_in') ? { bytes_in: 'sum(weight * bytes_in)' } : {}),
    ...(metrics.includes('bytes_out') ? { bytes_out: 'sum(weight * bytes_out)' } : {}),
  }
}

function sumsSql(metrics: readonly Metric[]): string {
  const terms = Object.entries(sumsOf(metrics)).map(([name, sum]) => `coalesce(${sum}, 0) AS ${name}`)
  return `${terms.join(', ')}, max(weight) > 1 AS sampled`
}

const distinctConsumersSql = "count(DISTINCT consumer) FILTER (WHERE consumer <> '')"
/** A sketch counts in whole numbers, in every store. */
const sketchedSql = 'sum(round_even(weight, 0))'

/** What groups are ordered by, from their sums. */
const orderSql: Record<Exclude<Metric, Quantile>, string> = {
  calls: 'calls',
  failed: 'failed',
  success_rate: '1 - failed / nullif(counted, 0)',
  error_rate: 'failed / nullif(counted, 0)',
  bytes_in: 'bytes_in',
  bytes_out: 'bytes_out',
  consumers: 'consumers',
}

/** For each group the bucket that holds the quantile's nearest rank: buckets are in the order of their values. */
function rankSql(metric: Quantile, keys: string): string {
  return `
  SELECT ${keys}, min(bucket) FILTER (WHERE seen >= wanted) AS rank
  FROM (
    SELECT ${keys}, bucket, sum(sketched) OVER (PARTITION BY ${keys} ORDER BY bucket) AS seen,
      greatest(1, ceil(${quantiles[metric]}::DOUBLE * sum(sketched) OVER (PARTITION BY ${keys}))) AS wanted
    FROM (SELECT ${keys}, bucket, ${sketchedSql} AS sketched FROM base GROUP BY ${keys}, bucket)
  )
  GROUP BY ${keys}`
}

function groupsSql(metrics: readonly Metric[], keys: readonly string[]): string {
  const dimensions = keys.map((key) => `any_value(${key}) AS ${key}, `).join('')
  const sums = Object.keys(sumsOf(metrics)).map((name) => `sum(${name}) AS ${name}`)
  return `SELECT 'group' AS kind, slot, ${dimensions}count(*) AS groups, ${sums.join(', ')}, bool_or(sampled) AS sampled FROM slots GROUP BY slot`
}

const bucketsSql = `SELECT 'bucket' AS kind, slot, bucket, ${sketchedSql} AS sketched FROM slotted GROUP BY slot, bucket`

const consumersSql = `SELECT CASE WHEN grouping(slot) = 1 THEN 'all_consumers' ELSE 'consumers' END AS kind, slot, ${distinctConsumersSql} AS consumers
FROM slotted GROUP BY GROUPING SETS ((slot), ())`
