import {
  type VariableModel,
  VariableRefresh,
  VariableSort,
  VariableType,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { gatewayMetrics } from '../metrics/gateway.ts'
import { processMetrics } from '../metrics/process.ts'
import { type Selector, series } from '../metrics/promql.ts'
import { pumpMetrics } from '../metrics/pump.ts'
import { latencyObjectives, recordMetrics } from '../metrics/records.ts'
import type { PlaceName, VariableName } from './place.ts'
import { places } from './place.ts'
import { chosen, datasources } from './query.ts'

const { requests, consumerRequests } = recordMetrics

/** The values that a label of these series has. */
function labelValues<L extends string>(of: Selector<L>, label: NoInfer<L>): string {
  return `label_values(${of.text}, ${label})`
}

/** Variables over Prometheus: what they are called, and which values there are to choose from. */
const ofPrometheus: Readonly<Partial<Record<VariableName, readonly [label: string, query: string]>>> = {
  api: ['API', labelValues(series(requests), 'api')],
  endpoint: ['Endpoint', labelValues(series(requests, chosen('api')), 'endpoint')],
  method: ['Method', labelValues(series(requests, chosen('api')), 'method')],
  gateway: ['Gateway', labelValues(series(requests), 'gateway')],
  team: ['Team', labelValues(series(consumerRequests, chosen('api')), 'team')],
  consumer: ['Consumer', labelValues(series(consumerRequests, chosen('api', 'team')), 'consumer')],
  instance: ['Instance', labelValues(series(processMetrics.buildInfo), 'instance')],
  upstream: ['Upstream', labelValues(series(gatewayMetrics.upstreamUp), 'upstream')],
  sink: ['Sink', labelValues(series(pumpMetrics.sinkState), 'sink')],
}

/** The same over ClickHouse: 30 days, so that the list stays short to read and to make. */
const known = (column: string, more = '') =>
  `SELECT DISTINCT ${column} FROM \${tables}usage_1h WHERE t >= now() - INTERVAL 30 DAY AND ${column} != ''${more} ORDER BY ${column}`
const ofClickHouse: typeof ofPrometheus = {
  api: ['API', known('api')],
  team: ['Team', known('team')],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's
  consumer: ['Consumer', known('consumer', ' AND $__conditionalAll(team IN (${team:singlequote}), $team)')],
}

/** A choice among given values, the first of which holds at first. */
function oneOf(name: string, label: string, description: string, values: readonly string[]): VariableModel {
  const options = values.map((value, i) => ({ selected: i === 0, text: value, value }))
  const current = { selected: true, text: values[0] ?? '', value: values[0] ?? '' }
  return {
    type: VariableType.Custom,
    name,
    label,
    description,
    query: values.join(','),
    options,
    current,
    multi: false,
    includeAll: false,
  }
}

function datasource(name: string, label: string, type: string): VariableModel {
  return {
    type: VariableType.Datasource,
    name,
    label,
    query: type,
    refresh: VariableRefresh.OnDashboardLoad,
    regex: '',
    multi: false,
    includeAll: false,
  }
}

const fixed: Readonly<Partial<Record<VariableName, VariableModel>>> = {
  datasource: datasource('datasource', 'Prometheus', datasources.prometheus.type),
  clickhouse: datasource('clickhouse', 'ClickHouse', datasources.clickhouse.type),
  scrape: oneOf('scrape', 'Scrape interval', 'How often Prometheus scrapes Penstock: rates span four times as long.', [
    '15s',
    '5s',
    '30s',
    '1m',
  ]),
  bound: oneOf(
    'bound',
    'Slow beyond',
    'Seconds from which an answer counts as slow; one of latencyObjectives of the prometheus sink.',
    latencyObjectives.map(String),
  ),
  objective: oneOf('objective', 'Objective %', 'What is promised where the rules know no objective of the API.', [
    '99.9',
    '99',
    '99.5',
    '99.95',
    '99.99',
  ]),
  tables: {
    ...{ type: VariableType.Textbox, name: 'tables', label: 'Table prefix', query: 'penstock_' },
    description: 'As the clickhouse sink has it.',
    current: { selected: true, text: 'penstock_', value: 'penstock_' },
  },
}

/** The variables of a dashboard. */
export function variablesOf(place: PlaceName): VariableModel[] {
  const names: readonly VariableName[] = places[place].variables
  const isClickHouse = names.includes('clickhouse')
  return names.map((name) => {
    const [label, query] = (isClickHouse ? ofClickHouse : ofPrometheus)[name] ?? []
    if (label && query) return choice(name, label, query, isClickHouse)
    const model = fixed[name]
    if (!model) throw new TypeError(`The variable ${name} is not declared.`)
    return model
  })
}

function choice(name: string, label: string, query: string, isClickHouse: boolean): VariableModel {
  return {
    type: VariableType.Query,
    name,
    label,
    datasource: isClickHouse ? datasources.clickhouse : datasources.prometheus,
    query: isClickHouse ? query : { query, refId: name },
    definition: query,
    refresh: VariableRefresh.OnTimeRangeChanged,
    sort: VariableSort.NaturalAsc,
    multi: true,
    includeAll: true,
    ...(isClickHouse ? {} : { allValue: '.*' }), // no list of thousands of names in every query
    current: { selected: true, text: ['All'], value: ['$__all'] } as never, // the SDK knows no lists here
  }
}
