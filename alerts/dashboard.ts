import type { DashboardLink } from './alert.ts'

const ofApi = { api: 'api' }

/** The dashboards that alerts lead to. */
export const dashboards = {
  overview: { uid: 'penstock-overview' },
  api: { uid: 'penstock-api', variables: ofApi },
  consumer: { uid: 'penstock-consumer', variables: { consumer: 'consumer' } },
  slo: { uid: 'penstock-slo', variables: ofApi },
  upstreams: { uid: 'penstock-upstreams', variables: { upstream: 'upstream' } },
  internals: { uid: 'penstock-internals' },
} satisfies Record<string, DashboardLink>
