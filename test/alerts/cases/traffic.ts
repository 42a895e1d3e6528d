import { type AlertCase, orders as api, flat, growing, type Phase, traffic } from '../case.ts'

const orders = [{ api }]

function over(alert: string, says: string, phases: readonly Phase[], fires: AlertCase['fires']): AlertCase {
  const atMinutes = phases.reduce((sum, { minutes }) => sum + minutes, 0)
  return { alert, says, everyMinutes: 1, series: traffic(phases), atMinutes, fires }
}

/** With days of history: evaluated every 20 minutes, sampled every 2. */
function after(alert: string, says: string, phases: readonly Phase[], fires: AlertCase['fires']): AlertCase {
  const atMinutes = phases.reduce((sum, { minutes }) => sum + minutes, 0)
  return { alert, says, everyMinutes: 20, sampleMinutes: 2, series: traffic(phases, 2), atMinutes, fires }
}

/** Ten minutes of it, at 100 requests a minute. */
const bad = (what: Pick<Phase, 'failed' | 'slow'>, requests = 100): Phase => ({ minutes: 12, requests, ...what })
const twoDays = 2880
const week = 10_080
const tick = 40

const gone = (says: string, before: number, fires: AlertCase['fires']) =>
  over(
    'PenstockTrafficGone',
    says,
    [
      { minutes: 65, requests: before * 60 },
      { minutes: 14, requests: 0 },
    ],
    fires,
  )

export const trafficCases: readonly AlertCase[] = [
  over('PenstockErrorRateHigh', '5.5 % fail', [bad({ failed: 5.5 })], orders),
  over('PenstockErrorRateHigh', '4.5 % fail', [bad({ failed: 4.5 })], []),
  over('PenstockErrorRateHigh', 'eleven of twenty-five in 5 minutes fail', [bad({ failed: 2.2 }, 5)], orders),
  over('PenstockErrorRateHigh', 'nine of twenty-five in 5 minutes fail', [bad({ failed: 1.8 }, 5)], []),
  over(
    'PenstockErrorRateHigh',
    'many fail, for three minutes only',
    [bad({}), { minutes: 3, requests: 100, failed: 50 }],
    [],
  ),

  over('PenstockErrorRateSpike', '6 % fail on the first day', [bad({ failed: 6 })], orders),
  over('PenstockErrorRateSpike', '4 % fail on the first day', [bad({ failed: 4 })], []),
  over('PenstockErrorRateSpike', 'eleven of twenty-five in 5 minutes fail', [bad({ failed: 2.2 }, 5)], orders),
  over('PenstockErrorRateSpike', 'nine of twenty-five in 5 minutes fail', [bad({ failed: 1.8 }, 5)], []),
  after(
    'PenstockErrorRateSpike',
    '3 % fail where nothing did for two days',
    [
      { minutes: twoDays, requests: 100 },
      { minutes: tick, requests: 100, failed: 3 },
    ],
    orders,
  ),
  after(
    'PenstockErrorRateSpike',
    '10 % fail where 6 % did for two days',
    [
      { minutes: twoDays, requests: 100, failed: 6 },
      { minutes: tick, requests: 100, failed: 10 },
    ],
    [],
  ),
  after(
    'PenstockErrorRateSpike',
    '12 % fail where 6 % did for two days',
    [
      { minutes: twoDays, requests: 100, failed: 6 },
      { minutes: tick, requests: 100, failed: 12 },
    ],
    orders,
  ),
  after(
    'PenstockErrorRateSpike',
    '12 % fail where 10 % did last week',
    [
      { minutes: week, requests: 100, failed: 10 },
      { minutes: tick, requests: 100, failed: 12 },
    ],
    [],
  ),
  after(
    'PenstockErrorRateSpike',
    '19 % fail where 10 % did last week',
    [
      { minutes: week, requests: 100, failed: 10 },
      { minutes: tick, requests: 100, failed: 19 },
    ],
    orders,
  ),

  over('PenstockLatencyHigh', '55 % are slow', [bad({ slow: 55 })], [{ api, bound: '1' }]),
  over('PenstockLatencyHigh', '45 % are slow', [bad({ slow: 45 })], []),
  over('PenstockLatencyHigh', 'eleven in 5 minutes are slow', [bad({ slow: 2.2 }, 3)], [{ api, bound: '1' }]),
  over('PenstockLatencyHigh', 'nine in 5 minutes are slow', [bad({ slow: 1.8 }, 3)], []),

  after(
    'PenstockLatencySpike',
    'a fifth is slow where none was for two days',
    [
      { minutes: twoDays, requests: 100 },
      { minutes: tick, requests: 100, slow: 20 },
    ],
    orders,
  ),
  after(
    'PenstockLatencySpike',
    'a fifth is slow, as it was for two days',
    [{ minutes: twoDays + tick, requests: 100, slow: 20 }],
    [],
  ),
  after(
    'PenstockLatencySpike',
    'a fifth is slow on the first day',
    [
      { minutes: 600, requests: 100 },
      { minutes: tick, requests: 100, slow: 20 },
    ],
    [],
  ),
  after(
    'PenstockLatencySpike',
    'fifty-five requests in 5 minutes',
    [
      { minutes: twoDays, requests: 100 },
      { minutes: tick, requests: 11, slow: 5 },
    ],
    orders,
  ),
  after(
    'PenstockLatencySpike',
    'forty-five requests in 5 minutes',
    [
      { minutes: twoDays, requests: 100 },
      { minutes: tick, requests: 9, slow: 5 },
    ],
    [],
  ),

  after(
    'PenstockTrafficSpike',
    '6 requests a second where 3 were usual',
    [
      { minutes: twoDays, requests: 180 },
      { minutes: tick, requests: 360 },
    ],
    orders,
  ),
  after(
    'PenstockTrafficSpike',
    '5 requests a second where 3 were usual',
    [
      { minutes: twoDays, requests: 180 },
      { minutes: tick, requests: 300 },
    ],
    [],
  ),
  after(
    'PenstockTrafficSpike',
    '6 requests a second on the first day',
    [
      { minutes: 600, requests: 180 },
      { minutes: tick, requests: 360 },
    ],
    [],
  ),
  after(
    'PenstockTrafficSpike',
    '6 requests a second where 3 were last week',
    [
      { minutes: week, requests: 180 },
      { minutes: tick, requests: 360 },
    ],
    orders,
  ),

  gone('0.11 requests a second, then none', 0.11, orders),
  gone('0.09 requests a second, then none', 0.09, []),
  over(
    'PenstockTrafficGone',
    'a few are left',
    [
      { minutes: 65, requests: 60 },
      { minutes: 14, requests: 1 },
    ],
    [],
  ),
  over(
    'PenstockTrafficGone',
    'none for six minutes only',
    [
      { minutes: 65, requests: 60 },
      { minutes: 6, requests: 0 },
    ],
    [],
  ),
  after(
    'PenstockTrafficGone',
    'none for hours, where there were 0.11 a second last week',
    [
      { minutes: week - 240, requests: 6.6 },
      { minutes: 240 + tick, requests: 0 },
    ],
    orders,
  ),
  after(
    'PenstockTrafficGone',
    'none now, where there were 0.09 a second last week',
    [
      { minutes: week - 60, requests: 5.4 },
      { minutes: 60, requests: 60 },
      { minutes: tick, requests: 0 },
    ],
    [],
  ),

  {
    alert: 'PenstockTrafficHigh',
    says: '9.5 requests a second of 10',
    everyMinutes: 1,
    series: { 'penstock_requests_total{api="built", outcome="ok"}': growing(570, 16) },
    atMinutes: 15,
    fires: [{ api: 'built', team: 'shop' }],
  },
  {
    alert: 'PenstockTrafficHigh',
    says: '8.5 requests a second of 10',
    everyMinutes: 1,
    series: { 'penstock_requests_total{api="built", outcome="ok"}': growing(510, 16) },
    atMinutes: 15,
    fires: [],
  },
  {
    alert: 'PenstockTrafficHigh',
    says: 'nobody said what the api is built for',
    everyMinutes: 1,
    series: {
      'penstock_requests_total{api="other", outcome="ok"}': growing(6000, 16),
      'penstock_series{group="endpoints"}': flat(1, 16),
    },
    atMinutes: 15,
    fires: [],
  },
]
