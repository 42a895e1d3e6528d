import * as units from '@grafana/grafana-foundation-sdk/units'
import { finish } from './finish.ts'
import { linksFrom } from './link.ts'
import { isOurs } from './mapping.ts'
import { type PanelSpec, stat, timeSeries } from './panel.ts'
import { sql } from './query.ts'
import { sqlMatrix, sqlTable } from './table.ts'
import * as ask from './usage-sql.ts'

const link = linksFrom('usage')
const noRecords = 'No records here. The pump’s sink of type clickhouse fills this, an hour at a time'

const api = {
  title: 'API',
  links: [link('usage', 'Only this API', { api: 'api' }), link('endpoint', 'How it fares', { api: 'api' })],
}
const endpoint = { title: 'Endpoint', links: [link('endpoint', 'How it fares', { api: 'api', endpoint: 'endpoint' })] }
const consumer = {
  title: 'Consumer',
  links: [
    link('usage', 'Only this consumer', { consumer: 'consumer' }),
    link('consumer', 'Its errors and refusals now', { consumer: 'consumer' }),
  ],
}
const team = { title: 'Team', links: [link('usage', 'Only this team', { team: 'team' })] }
const requests = { title: 'Requests', unit: units.Short, decimals: 0 } as const
const success = { title: 'Success', unit: units.PercentUnit, decimals: 2 } as const
const lastSeen = { title: 'Last hour with one', unit: units.DateTimeFromNow } as const

function total(query: keyof typeof ask.totals, spec: Omit<PanelSpec, 'noValue'>) {
  return stat({ width: 6, noValue: noRecords, ...spec, queries: [sql('table', ask.totals[query])] })
}

const totals = [
  total('calls', {
    title: 'Requests',
    about: {
      shows: 'Requests within the whole hours of the time range.',
      normal: 'What you planned for.',
      act: 'A fall: “What grew and what fell” names who left.',
    },
    unit: units.Short,
  }),
  total('consumers', {
    title: 'Consumers',
    about: {
      shows: 'Consumers that made at least one request.',
      normal: 'Growing with your business.',
      act: '“Consumers” lists them with the hour in which each was seen last.',
    },
    unit: units.NoUnit,
  }),
  total('endpoints', {
    title: 'Endpoints in use',
    about: {
      shows: 'Endpoints with at least one request.',
      normal: 'Most of those that you publish.',
      act: 'One without requests for months may go.',
    },
    unit: units.NoUnit,
  }),
  total('success', {
    title: 'Success',
    about: {
      shows: 'The share of requests that did not fail through our own fault.',
      normal: 'At or above what was promised.',
      act: '“Errors” below names what failed, for whom.',
    },
    unit: units.PercentUnit,
    decimals: 3,
  }),
]

function overTime(by: 'endpoint' | 'consumer' | 'team') {
  return timeSeries({
    title: `Requests over time, by ${by}`,
    about: {
      shows: `Requests of the ${by === 'endpoint' ? 'ten endpoints' : `ten ${by}s`} with the most.`,
      normal: 'The same shape each day and week.',
      act: 'Zoom in on a change: the tables below then show who made it.',
    },
    ...{ unit: units.Short, noValue: noRecords, width: by === 'endpoint' ? 24 : 12, isStacked: true },
    minStep: '1h',
    displayName: `\${__field.labels.${by}}`,
    queries: [sql('lines', ask.callsOverTime(by))],
  })
}

const endpoints = sqlTable({
  title: 'Endpoints',
  about: {
    shows: 'The 200 endpoints with the most requests, how many call them, and how they fared.',
    normal: 'Success at or above what was promised.',
    act: 'Much used and slow or failing: this is where work pays off.',
  },
  ...{ noValue: noRecords, height: 10, query: sql('table', ask.byEndpoint) },
  columns: {
    api,
    endpoint,
    requests,
    share: { title: 'Share', unit: units.PercentUnit, decimals: 1 },
    consumers: { title: 'Consumers', unit: units.NoUnit },
    success,
    refused: { title: 'Refused', unit: units.Short, decimals: 0 },
    p95: { title: 'p95', unit: units.Seconds },
  },
})

const consumers = sqlTable({
  title: 'Consumers and teams',
  about: {
    shows: 'The 200 consumers with the most requests.',
    normal: 'The names you know, all seen within the day.',
    act: 'Not seen for long: ask whether the integration is still wanted, before its key is revoked.',
  },
  ...{ noValue: noRecords, height: 10, query: sql('table', ask.byConsumer) },
  columns: {
    team,
    consumer,
    requests,
    apis: { title: 'APIs', unit: units.NoUnit },
    endpoints: { title: 'Endpoints', unit: units.NoUnit },
    success,
    client_errors: { title: '4xx', unit: units.PercentUnit, decimals: 2 },
    refused: { title: 'Refused', unit: units.Short, decimals: 0 },
    last_seen: lastSeen,
  },
})

const useCases = sqlTable({
  title: 'Use cases',
  about: {
    shows: 'Requests by the use case that each route declares, else by endpoint.',
    normal: 'The ones your roadmap is about come first.',
    act: 'Without names: set `useCase` at the routes.',
  },
  ...{ noValue: noRecords, query: sql('table', ask.byUseCase) },
  columns: {
    use_case: { title: 'Use case' },
    requests,
    consumers: { title: 'Consumers', unit: units.NoUnit },
    teams: { title: 'Teams', unit: units.NoUnit },
    success,
  },
})

const matrix = sqlMatrix({
  title: 'Endpoint × consumer',
  about: {
    shows: 'Who calls what: the 20 greatest endpoints and the 20 greatest consumers.',
    normal: 'The integrations that you know of.',
    act: 'A lone cell in a row is an endpoint with one user: tell them before you change it.',
  },
  ...{ unit: units.Short, noValue: noRecords, query: sql('table', ask.matrix) },
  ...{ row: 'endpoint', column: 'consumer', value: 'requests' },
})

const growth = sqlTable({
  title: 'What grew and what fell',
  about: {
    shows: 'The 50 greatest changes against the time range of the same length before this one.',
    normal: 'Small changes both ways.',
    act: 'A fall to nothing: ask the consumer. A jump: does its plan still fit?',
  },
  ...{ noValue: 'Nothing changed in this time range', height: 10, query: sql('table', ask.growth) },
  columns: {
    api,
    endpoint,
    consumer,
    requests,
    before: { title: 'Before', unit: units.Short, decimals: 0 },
    change: { title: 'Change', unit: units.Short, decimals: 0 },
    growth: { title: 'Growth', unit: units.PercentUnit, decimals: 0 },
  },
})

const errors = sqlTable({
  title: 'Errors',
  about: {
    shows:
      'What did not end well, by endpoint, status and consumer; the 200 most frequent. “Ours” are failures of the service, the others refusals and mistakes of clients.',
    normal: 'Few of ours.',
    act: 'Start with the first that is ours, and open its endpoint.',
  },
  ...{ noValue: 'No errors in this time range', height: 10, query: sql('table', ask.errors) },
  columns: {
    api,
    endpoint,
    status: { title: 'Status', unit: units.NoUnit },
    outcome: { title: 'Outcome' },
    consumer,
    requests,
    share: { title: 'Share of all errors', unit: units.PercentUnit, decimals: 1 },
    is_failure: { title: 'Whose', unit: units.NoUnit, mappings: isOurs },
    last_seen: lastSeen,
  },
})

const failures = sqlTable({
  title: 'Failed requests',
  about: {
    shows: 'The newest 100 requests that failed, one by one.',
    normal: 'Few.',
    act: 'Look the trace id up where your traces are.',
  },
  ...{ noValue: 'Nothing failed in this time range', height: 10, query: sql('table', ask.failures) },
  columns: {
    ts: { title: 'Time', unit: units.DatetimeISO },
    api,
    endpoint,
    consumer,
    status: { title: 'Status', unit: units.NoUnit },
    outcome: { title: 'Outcome' },
    took: { title: 'Took', unit: units.Seconds },
    upstream: { title: 'Upstream' },
    gateway: { title: 'Gateway' },
    trace_id: { title: 'Trace' },
  },
})

export const usage = finish({
  place: 'usage',
  description:
    'Who uses what, how much, whether it grows, and what goes wrong for them. Reads ClickHouse, where every consumer has its name.',
  ...{ from: 'now-7d', refresh: '' },
  rows: [
    { title: 'In all', panels: totals },
    { title: 'Over time', panels: [overTime('endpoint'), overTime('consumer'), overTime('team')] },
    { title: 'Who uses what', panels: [endpoints, consumers, useCases, matrix] },
    { title: 'Change', panels: [growth] },
    { title: 'Error explorer', panels: [errors, failures] },
  ],
})
