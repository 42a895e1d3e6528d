import type { FieldName, RequestRecord } from '../../record/fields.ts'
import { isCounted, isFailed, statusClass } from '../../record/outcome.ts'
import { addValue, quantile, type Sketch } from '../../record/sketch.ts'
import { type FilterField, isTag } from '../../usage/dimension.ts'
import type { Filter } from '../../usage/filter.ts'
import { isQuantile, type Metric, quantiles } from '../../usage/metric.ts'
import type { UsageQuery } from '../../usage/query.ts'
import type { UsageResult } from '../../usage/result.ts'

/** The answer as anybody would count it by hand: record by record, group by group. */
export function countByHand(
  query: UsageQuery,
  org: string,
  records: readonly RequestRecord[],
): Pick<UsageResult, 'rows' | 'other' | 'total'> {
  const asked = records.filter(
    (record) =>
      record.org === org &&
      record.ts >= query.fromMs * 1000 &&
      record.ts < query.toMs * 1000 &&
      query.filters.every((filter) => holds(filter, record)),
  )
  const groups = [
    ...Map.groupBy(asked, (record) => JSON.stringify(query.by.map((field) => valueIn(field, record)))),
  ].map(([key, members]) => ({ key: JSON.parse(key) as (string | number)[], members }))
  const [first = 'calls'] = query.metrics
  groups.sort((a, b) => descending(measure(first, a.members), measure(first, b.members)) || compareKeys(a.key, b.key))
  const top = query.by.length === 0 ? [] : groups.slice(0, query.limit)
  const rest = query.by.length === 0 ? [] : groups.slice(query.limit)
  const measureAll = (members: readonly RequestRecord[]) =>
    Object.fromEntries(query.metrics.map((metric) => [metric, measure(metric, members)]))
  return {
    rows: top.map(({ key, members }) => ({
      ...Object.fromEntries(query.by.map((field, i) => [field, key[i] ?? ''])),
      ...measureAll(members),
    })),
    other: rest.length === 0 ? null : { groups: rest.length, ...measureAll(rest.flatMap(({ members }) => members)) },
    total: measureAll(asked),
  }
}

function valueIn(field: FilterField, record: RequestRecord): string | number {
  if (isTag(field)) return record.tags[field.slice('tags.'.length)] ?? ''
  if (field === 'statusClass') return statusClass(record.status)
  return record[field as FieldName] as string | number // every other field is one of the record
}

function holds({ field, comparison, values }: Filter, record: RequestRecord): boolean {
  const value = valueIn(field, record)
  const limit = Number(values[0])
  if (comparison === '==') return values.some((one) => one === value)
  if (comparison === '!=') return values.every((one) => one !== value)
  if (comparison === '>=') return Number(value) >= limit
  if (comparison === '<=') return Number(value) <= limit
  return comparison === '>' ? Number(value) > limit : Number(value) < limit
}

function measure(metric: Metric, members: readonly RequestRecord[]): number | null {
  const sum = (of: (record: RequestRecord) => number) =>
    members.reduce((total, record) => total + record.weight * of(record), 0)
  const failed = sum((record) => (isFailed(record) ? 1 : 0))
  const counted = sum((record) => (isCounted(record) ? 1 : 0))
  if (isQuantile(metric)) {
    const sketch: Sketch = new Map()
    for (const { totalUs, weight } of members) addValue(sketch, totalUs, roundEven(weight))
    const micros = quantile(sketch, quantiles[metric])
    return micros === undefined ? null : Math.round(micros) / 1000
  }
  if (metric === 'error_rate') return counted === 0 ? null : failed / counted
  if (metric === 'success_rate') return counted === 0 ? null : 1 - failed / counted
  if (metric === 'consumers') return new Set(members.map(({ consumer }) => consumer).filter((name) => name !== '')).size
  const sums = {
    calls: () => 1,
    bytes_in: (record: RequestRecord) => record.bytesIn,
    bytes_out: (record: RequestRecord) => record.bytesOut,
  }
  return metric === 'failed' ? failed : sum(sums[metric])
}

function roundEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

function descending(a: number | null, b: number | null): number {
  if (a === b) return 0
  if (a === null) return 1
  return b === null ? -1 : b - a
}

function compareKeys(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [i, value] of a.entries()) {
    const other = b[i] ?? ''
    const order =
      typeof value === 'number' ? value - Number(other) : Buffer.compare(Buffer.from(value), Buffer.from(String(other)))
    if (order !== 0) return order
  }
  return 0
}
