import type { TestContext } from 'node:test'
import { failingClaims, groupsFor } from './promtool.ts'

const alertNames = ['PenstockTrafficSpike', 'PenstockErrorRateSpike', 'PenstockLatencySpike']
const groups = groupsFor(new Set(alertNames))
const firing = `ALERTS{alertname=~"${alertNames.join('|')}", alertstate="firing"}`

export const dayMinutes = 1440
export const weekMinutes = 7 * dayMinutes

/** A generator of the same numbers at every run: noise that a test can repeat. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0 // Numerical Recipes' generator: its low bits do not matter here
    return state / 2 ** 32
  }
}

/** Requests a minute: nights with a fifth of the day, quiet weekends, and 10 % of noise. Time begins on a Thursday. */
function usual(minute: number, random: () => number): number {
  const ofDay = (minute % dayMinutes) / dayMinutes
  const daily = 0.6 - 0.4 * Math.cos(2 * Math.PI * (ofDay - 1 / 6)) // least at four in the morning
  const day = (Math.floor(minute / dayMinutes) + 4) % 7
  const weekly = day === 0 || day === 6 ? 0.5 : 1
  return 600 * daily * weekly * (0.9 + 0.2 * random())
}

interface Minute {
  readonly requests: number
  readonly failed: number
  readonly slow: number
}

/** Counters of an api whose minutes are given: one in a thousand fails and one in two hundred is slow, unless it says otherwise. */
function countersOf(minutes: number, sampleMinutes: number, change: (minute: number, as: Minute) => Minute) {
  const random = randomFrom(7)
  const sums = { all: [0], failed: [0], fast: [0], answered: [0] }
  const push = (values: number[], by: number) => values.push(Math.round((values.at(-1) ?? 0) + by))
  for (let minute = 0; minute < minutes; minute += sampleMinutes) {
    const requests = usual(minute, random)
    const as = change(minute, { requests, failed: requests * 0.002 * random(), slow: requests * 0.01 * random() })
    push(sums.all, as.requests * sampleMinutes)
    push(sums.failed, as.failed * sampleMinutes)
    push(sums.answered, (as.requests - as.failed) * sampleMinutes)
    push(sums.fast, (as.requests - as.failed - as.slow) * sampleMinutes)
  }
  return (api: string) => {
    const bucket = `penstock_request_duration_seconds_bucket{api="${api}", status_class="2xx"`
    return {
      [`penstock_requests_total{api="${api}", outcome="ok"}`]: sums.all,
      [`penstock_failed_requests_total{api="${api}"}`]: sums.failed,
      [`penstock_request_duration_seconds_count{api="${api}", status_class="2xx"}`]: sums.answered,
      [`${bucket}, le="0.1"}`]: sums.fast,
      [`${bucket}, le="1"}`]: sums.fast,
      [`${bucket}, le="2.5"}`]: sums.answered,
      [`${bucket}, le="+Inf"}`]: sums.answered,
    }
  }
}

/** What fires over days of normal traffic; nothing, if all is well. */
export async function falseAlarms(t: TestContext, days: number, everyMinutes: number): Promise<string[]> {
  const atMinutes = days * dayMinutes
  const series = countersOf(atMinutes, 2, (_, minute) => minute)('orders')
  const counts = [
    { says: 'nothing fired', expr: `count_over_time(${firing}[${days}d])`, atMinutes, count: 0 },
    { says: 'the season is known', expr: 'penstock:requests:season', atMinutes, count: 1 },
  ]
  return [...(await failingClaims(t, [{ groups, everyMinutes, sampleMinutes: 2, series, counts }]))]
}

const spikes: Readonly<Record<string, (as: Minute) => Minute>> = {
  // Rates of 5m have taken up a fifth of it after a minute: seven times more is then unlike always also where 1 request/s is slack.
  PenstockTrafficSpike: (as) => ({ ...as, requests: as.requests * 8 }),
  PenstockErrorRateSpike: (as) => ({ ...as, failed: as.requests * 0.3 }),
  PenstockLatencySpike: (as) => ({ ...as, slow: as.requests * 0.5 }),
}

/** Which spikes that begin at these minutes are not told within two minutes, or are told before they are there. */
export async function missedSpikes(t: TestContext, times: Readonly<Record<string, number>>): Promise<string[]> {
  const cases = Object.entries(spikes).flatMap(([alert, change]) =>
    Object.entries(times).map(([when, atMinutes]) => ({ alert, change, when, atMinutes })),
  )
  const end = Math.max(...Object.values(times)) + 5
  const series = Object.assign(
    {},
    ...cases.map(({ alert, when, change, atMinutes }) =>
      countersOf(end, 1, (minute, as) => (minute >= atMinutes ? change(as) : as))(`${alert}-${when}`),
    ),
  )
  const counts = cases.flatMap(({ alert, when, atMinutes }) => {
    const told = `ALERTS{alertname="${alert}", alertstate="firing", api="${alert}-${when}"}`
    return [
      { says: `${alert} ${when}: silent before`, expr: told, atMinutes, count: 0 },
      { says: `${alert} ${when}: fires within two minutes`, expr: told, atMinutes: atMinutes + 2, count: 1 },
    ]
  })
  return [...(await failingClaims(t, [{ groups, everyMinutes: 1, sampleMinutes: 1, series, counts }]))]
}
