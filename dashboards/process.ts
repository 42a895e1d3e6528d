/** Penstock's processes, as Prometheus sees them. */
import * as units from '@grafana/grafana-foundation-sdk/units'
import { processMetrics } from '../metrics/process.ts'
import {
  andOn,
  avgOverTime,
  type Expr,
  max,
  maxOverTime,
  minus,
  now,
  or,
  rate,
  selector,
  series,
  times,
  timesOn,
  unlessOn,
} from '../metrics/promql.ts'
import type { Link } from './link.ts'
import { isUp } from './mapping.ts'
import type { DraftPanel } from './panel.ts'
import { table } from './table.ts'

const { buildInfo, startTime, cpu, residentMemory } = processMetrics
const targets = selector('up', [])
const info = max(series(buildInfo), 'instance', 'role', 'version')
/** With those that are down now, but were there within the time range. */
const infoInRange = or(
  info,
  unlessOn(max(maxOverTime(series(buildInfo), '$__range'), 'instance', 'role', 'version'), ['instance'], info),
)

/** 1 for each of our processes that was scraped, 0 for those that were not. */
export const processesUp: Expr<'instance'> = andOn(max(targets, 'instance'), ['instance'], infoInRange)

const described = (of: Expr<'instance'>) => timesOn(infoInRange, ['instance'], of)

export const noProcesses = 'No process found: Prometheus must scrape /metrics of the admin ports of gateways and pumps'

/** Every process with its state, and ways onward from it. */
export function processTable(links: readonly Link<'instance'>[]): DraftPanel {
  return table({
    title: 'Processes',
    about: {
      shows:
        'Every gateway and pump that Prometheus knew within the time range: whether it answers, how long it has run, what it takes.',
      normal: 'All up, one version per role; memory steady.',
      act: 'Down: look at the process and its log; a short time since the start on many rows is a crash loop or a deployment.',
    },
    noValue: noProcesses,
    sortBy: 'Role',
    rows: {
      instance: { title: 'Instance', links },
      role: { title: 'Role' },
      version: { title: 'Version' },
    },
    columns: [
      { title: 'State', unit: units.NoUnit, mappings: isUp, expr: described(max(targets, 'instance')) },
      {
        ...{ title: 'Uptime', unit: units.PercentUnit, decimals: 2 },
        thresholds: [
          [0, 'red'],
          [0.999, 'green'],
        ],
        expr: described(max(avgOverTime(targets, '$__range'), 'instance')),
      },
      {
        ...{ title: 'Running for', unit: units.DurationSeconds, decimals: 0 },
        expr: described(times(minus(max(series(startTime), 'instance'), now), -1)),
      },
      { title: 'CPU', unit: units.PercentUnit, decimals: 1, expr: described(max(rate(series(cpu)), 'instance')) },
      { title: 'Memory', unit: units.BytesIEC, expr: described(max(series(residentMemory), 'instance')) },
    ],
  })
}
