/** Every dashboard's address and variables, declared apart from what it shows: dashboards link to each other. */
export const places = {
  overview: {
    uid: 'penstock-overview',
    title: 'Penstock / Overview',
    variables: ['datasource', 'scrape', 'api', 'gateway'],
  },
  endpoint: {
    uid: 'penstock-api',
    title: 'Penstock / API and endpoint',
    variables: ['datasource', 'scrape', 'api', 'endpoint', 'method', 'gateway'],
  },
  consumer: {
    uid: 'penstock-consumer',
    title: 'Penstock / Consumer usage',
    variables: ['datasource', 'scrape', 'api', 'team', 'consumer'],
  },
  slo: {
    uid: 'penstock-slo',
    title: 'Penstock / SLO and error budget',
    variables: ['datasource', 'scrape', 'api', 'bound', 'objective'],
  },
  upstream: {
    uid: 'penstock-upstreams',
    title: 'Penstock / Upstreams and resilience',
    variables: ['datasource', 'scrape', 'api', 'gateway', 'instance', 'upstream'],
  },
  internals: {
    uid: 'penstock-internals',
    title: 'Penstock / Gateway and pump internals',
    variables: ['datasource', 'scrape', 'instance', 'sink'],
  },
  usage: {
    uid: 'penstock-usage',
    title: 'Penstock / Usage for product managers',
    variables: ['clickhouse', 'tables', 'api', 'team', 'consumer'],
  },
} as const satisfies Record<string, Place>

interface Place {
  readonly uid: `penstock-${string}`
  readonly title: string
  readonly variables: readonly string[]
}

export type PlaceName = keyof typeof places
export type VariableOf<P extends PlaceName> = (typeof places)[P]['variables'][number]
export type VariableName = VariableOf<PlaceName>
