import * as units from '@grafana/grafana-foundation-sdk/units'
import { keyMetrics } from '../metrics/gateway.ts'
import { bottomk, max, minus, now, rate, series, sum } from '../metrics/promql.ts'
import { linksFrom } from './link.ts'
import { timeSeries } from './panel.ts'
import { chosen, line } from './query.ts'
import { maxRows, table, topLines } from './table.ts'

const toConsumer = linksFrom('consumer')('consumer', 'Only this consumer', { consumer: 'consumer' })
const here = chosen('consumer')
const daySeconds = 86_400

const expiry = minus(max(series(keyMetrics.expires, here), 'consumer', 'key'), now)
const soonest = bottomk(maxRows, expiry)

const expiring = table({
  title: 'Keys that expire',
  about: {
    shows:
      'The live keys that expire first, one for each consumer; the 50 soonest. Keys without an end are not listed.',
    normal: 'Weeks to go.',
    act: 'Below 20 days: create the next key (`penstock keys create`), hand it over, and watch the old one fall silent.',
  },
  ...{ noValue: 'No key has an end, or no gateway is scraped', sortBy: { title: 'Expires in', isDescending: false } },
  rows: { consumer: { title: 'Consumer', links: [toConsumer] }, key: { title: 'Key' } },
  columns: [
    {
      ...{ title: 'Expires in', unit: units.DurationSeconds, decimals: 0 },
      thresholds: [
        [0, 'red'],
        [7 * daySeconds, 'orange'],
        [20 * daySeconds, 'green'],
      ],
      expr: soonest,
    },
  ],
})

const dead = timeSeries({
  title: 'Calls with a dead key',
  about: {
    shows: 'Requests with a key that has expired or was revoked; the ten consumers with the most.',
    normal: 'None.',
    act: 'The consumer is locked out and may not know: tell it, and hand over its new key. After a revocation for abuse: it still tries.',
  },
  ...{ unit: units.RequestsPerSecond, width: 24, noValue: 'Nobody uses a dead key' },
  links: [toConsumer],
  queries: [
    line(topLines(sum(rate(series(keyMetrics.deadUses, here)), 'consumer', 'reason')), {
      legend: ['consumer', 'reason'],
    }),
  ],
})

/** Which keys end, and who has not noticed. */
export const keyRow = { title: 'Keys', panels: [dead, expiring] }
