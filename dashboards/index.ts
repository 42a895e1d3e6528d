import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { consumer } from './consumer.ts'
import { endpoint } from './endpoint.ts'
import { internals } from './internals.ts'
import { overview } from './overview.ts'
import type { PlaceName } from './place.ts'
import { slo } from './slo.ts'
import { upstream } from './upstream.ts'
import { usage } from './usage.ts'

/** Every dashboard there is. */
export const dashboards: Readonly<Record<PlaceName, Dashboard>> = {
  overview,
  endpoint,
  consumer,
  slo,
  upstream,
  internals,
  usage,
}
