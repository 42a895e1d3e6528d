import * as units from '@grafana/grafana-foundation-sdk/units'
import {
  andOn,
  count,
  type Expr,
  increase,
  type Matches,
  orZero,
  rate,
  ratio,
  series,
  sum,
  where,
} from '../metrics/promql.ts'
import { recordMetrics } from '../metrics/records.ts'
import { finish } from './finish.ts'
import { keyRow } from './key-row.ts'
import { linksFrom } from './link.ts'
import { stat, timeSeries } from './panel.ts'
import { chosen, line } from './query.ts'
import { noRequests } from './request.ts'
import { table, topLines, topRows } from './table.ts'

const link = linksFrom('consumer')
const here = chosen('api', 'team', 'consumer')
const toConsumer = link('consumer', 'Only this consumer', { consumer: 'consumer' })
const toTeam = link('consumer', 'Only this team', { team: 'team' })
const toUsage = link('usage', 'All that it called (ClickHouse)', { consumer: 'consumer' })
const { consumerRequests, consumerRefused, collapsedRequests } = recordMetrics

type ConsumerLabel = (typeof consumerRequests.labels)[number]

function calls<By extends ConsumerLabel = never>(matches: Matches<ConsumerLabel>, ...by: readonly By[]): Expr<By> {
  return sum(rate(series(consumerRequests, { ...here, ...matches })), ...by)
}

/** Share of the requests with a status class; 0 where all went otherwise. */
function shareOf<By extends ConsumerLabel>(
  status_class: '4xx' | '5xx',
  by: readonly By[],
  matches: Matches<ConsumerLabel> = {},
): Expr<By> {
  const all = calls(matches, ...by)
  return ratio(orZero(calls({ ...matches, status_class }, ...by), all), where(all, '>', 0))
}

const refusedFor = (outcome: string) => series(consumerRefused, { ...here, outcome: ['=~', outcome] })
const named =
  'Consumers with a series of their own: `consumers` of the prometheus sink says how many; the rest is `__other__`.'

const traffic = stat({
  title: 'Requests per second',
  about: {
    shows: 'Requests of what is chosen above.',
    normal: 'What is usual at this hour of the week.',
    act: 'The lines below name whose it is.',
  },
  ...{ unit: units.RequestsPerSecond, width: 6, noValue: noRequests },
  queries: [line(calls({}), { name: 'requests' })],
})

const active = stat({
  title: 'Consumers that call now',
  about: {
    shows: `How many consumers made a request lately. ${named}`,
    normal: 'Steady; it grows with your business.',
    act: 'A fall: an integration is broken, or its key expired. The table below shows whose traffic went.',
  },
  ...{ unit: units.NoUnit, width: 6, noValue: noRequests },
  queries: [line(count(where(calls({ consumer: ['!~', '|__other__'] }, 'consumer'), '>', 0)), { name: 'consumers' })],
})

const refused = stat({
  title: 'Refused per second',
  about: {
    shows: 'Requests that the gateway turned away: no or a wrong key, no right, too many.',
    normal: 'A few percent of the traffic.',
    act: '“Refused, by reason” says why, “Rate limited, by consumer” and “Without a right or a key, by consumer” whom.',
  },
  ...{ unit: units.RequestsPerSecond, width: 6, noValue: noRequests },
  queries: [line(orZero(sum(rate(series(consumerRefused, here))), calls({})), { name: 'refused' })],
})

const unnamed = stat({
  title: 'Counted as other',
  about: {
    shows: 'The share of requests by consumers without a series of their own: they are in every sum, but not by name.',
    normal: 'Below 10 %.',
    act: 'Raise `consumers` of the prometheus sink, or use the usage dashboard, which knows all of them.',
  },
  ...{ unit: units.PercentUnit, width: 6, noValue: noRequests },
  thresholds: [[0.1, 'orange']],
  queries: [
    line(ratio(sum(rate(series(collapsedRequests, { group: 'consumers' }))), sum(rate(series(consumerRequests)))), {
      name: 'other',
    }),
  ],
})

const byConsumer = timeSeries({
  title: 'Requests, by consumer',
  about: {
    shows: `The ten consumers with the most requests. ${named}`,
    normal: 'The same names every day.',
    act: 'A new or a jumping line: ask its team, or limit its plan.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noRequests },
  links: [toConsumer, toUsage],
  queries: [line(topLines(calls({ consumer: ['!=', ''] }, 'consumer')), { legend: ['consumer'] })],
})

const byTeam = timeSeries({
  title: 'Requests, by team',
  about: {
    shows: 'The ten teams with the most requests.',
    normal: 'The same names every day.',
    act: 'Click a line to see that team alone.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: noRequests },
  isStacked: true,
  links: [toTeam],
  queries: [line(topLines(calls({ team: ['!=', ''] }, 'team')), { legend: ['team'] })],
})

const clientErrors = timeSeries({
  title: 'Answered with 4xx, by consumer',
  about: {
    shows: 'The share of each consumer’s requests that were refused or wrong; the ten with the most.',
    normal: 'Each at a height of its own; many APIs answer 404 as a matter of course.',
    act: 'A jump after a deployment of ours: we broke a contract. Of one consumer alone: they did.',
  },
  ...{ unit: units.PercentUnit, max: 1, noValue: noRequests },
  links: [toConsumer, toUsage],
  queries: [line(topLines(shareOf('4xx', ['consumer'], { consumer: ['!=', ''] })), { legend: ['consumer'] })],
})

const serverErrors = timeSeries({
  title: 'Answered with 5xx, by consumer',
  about: {
    shows: 'The share of each consumer’s requests that failed on our side; the ten with the most.',
    normal: '0.',
    act: 'Who stands here will call: open the consumer, then the API it calls.',
  },
  ...{ unit: units.PercentUnit, noValue: noRequests },
  links: [toConsumer, toUsage],
  queries: [line(topLines(shareOf('5xx', ['consumer'], { consumer: ['!=', ''] })), { legend: ['consumer'] })],
})

const byReason = timeSeries({
  title: 'Refused, by reason',
  about: {
    shows: 'Why the gateway turned requests away.',
    normal: 'rate_limited now and then; the others near zero.',
    act: 'unauthenticated: a key expired, was revoked or is missing. forbidden: the plan or team lacks a right. quota_exceeded: talk about the plan.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: 'Nothing was refused' },
  isStacked: true,
  queries: [line(sum(rate(series(consumerRefused, here)), 'outcome'), { legend: ['outcome'] })],
})

const limited = timeSeries({
  title: 'Rate limited, by consumer',
  about: {
    shows: 'Requests beyond a limit or quota (429); the ten consumers with the most.',
    normal: 'None, or those that are known to try.',
    act: 'A surge: a client that retries without waiting, or a plan that became too small.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: 'Nobody was limited' },
  links: [toConsumer, toUsage],
  queries: [
    line(topLines(sum(rate(refusedFor('rate_limited|quota_exceeded')), 'consumer', 'team')), {
      legend: ['team', 'consumer'],
    }),
  ],
})

const unknown = timeSeries({
  title: 'Without a right or a key, by API',
  about: {
    shows:
      'Requests refused with 401 or 403, by API and reason; the ten with the most. Those without a valid key have no consumer.',
    normal: 'Near zero; scanners of the internet leave a floor.',
    act: 'A surge of unauthenticated: a key expired or was revoked while it was in use, or somebody guesses keys.',
  },
  ...{ unit: units.RequestsPerSecond, noValue: 'Nobody was turned away' },
  links: [link('endpoint', 'Open the API', { api: 'api' })],
  queries: [
    line(topLines(sum(rate(refusedFor('unauthenticated|forbidden')), 'api', 'outcome')), {
      legend: ['api', 'outcome'],
    }),
  ],
})

const rows = ['team', 'consumer'] as const
const inRange = (matches: Matches<ConsumerLabel>) =>
  sum(increase(series(consumerRequests, { ...here, ...matches }), '$__range'), ...rows)
const busiest = topRows(inRange({}))
const amongBusiest = (of: Expr<'team' | 'consumer'>) => andOn(of, rows, busiest)

const consumers = table({
  title: 'Consumers',
  about: {
    shows: `The 50 consumers with the most requests within the time range. ${named}`,
    normal: 'Few errors, next to no refusals.',
    act: 'Click a consumer to see it alone, or all that it called.',
  },
  ...{ noValue: noRequests, height: 10, sortBy: 'Requests' },
  rows: { team: { title: 'Team', links: [toTeam] }, consumer: { title: 'Consumer', links: [toConsumer, toUsage] } },
  columns: [
    { title: 'Requests', unit: units.Short, decimals: 0, expr: busiest },
    { title: 'Requests/s now', unit: units.RequestsPerSecond, expr: amongBusiest(calls({}, ...rows)) },
    { title: '4xx', unit: units.PercentUnit, decimals: 2, expr: amongBusiest(shareOf('4xx', rows)) },
    {
      title: '5xx',
      unit: units.PercentUnit,
      decimals: 2,
      thresholds: [
        [0.001, 'orange'],
        [0.01, 'red'],
      ],
      expr: amongBusiest(shareOf('5xx', rows)),
    },
    {
      ...{ title: 'Refused', unit: units.Short, decimals: 0 },
      expr: amongBusiest(orZero(sum(increase(series(consumerRefused, here), '$__range'), ...rows), inRange({}))),
    },
  ],
})

const perApi = ['consumer', 'api'] as const
const pairs = topRows(sum(increase(series(consumerRequests, here), '$__range'), ...perApi))

const whoCallsWhat = table({
  title: 'Who calls what',
  about: {
    shows: 'The 50 pairs of consumer and API with the most requests within the time range.',
    normal: 'The integrations that you know of.',
    act: 'Before an API changes or goes: these are the people to tell.',
  },
  ...{ noValue: noRequests, height: 10, sortBy: 'Requests' },
  rows: {
    consumer: { title: 'Consumer', links: [toConsumer, toUsage] },
    api: { title: 'API', links: [link('endpoint', 'Open the API', { api: 'api' })] },
  },
  columns: [
    { title: 'Requests', unit: units.Short, decimals: 0, expr: pairs },
    { title: '4xx', unit: units.PercentUnit, decimals: 2, expr: andOn(shareOf('4xx', perApi), perApi, pairs) },
    { title: '5xx', unit: units.PercentUnit, decimals: 2, expr: andOn(shareOf('5xx', perApi), perApi, pairs) },
  ],
})

export const consumer = finish({
  place: 'consumer',
  description: 'Which team and consumer calls what, what goes wrong for them, and what they are refused.',
  ...{ from: 'now-6h', refresh: '1m' },
  rows: [
    { title: 'Now', panels: [traffic, active, refused, unnamed] },
    { title: 'Traffic', panels: [byConsumer, byTeam] },
    { title: 'Errors', panels: [clientErrors, serverErrors] },
    { title: 'Refusals', panels: [byReason, limited, unknown] },
    { title: 'Consumers', panels: [consumers, whoCallsWhat] },
    keyRow,
  ],
})
