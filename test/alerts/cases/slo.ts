import { type AlertCase, orders as api, type Phase, traffic } from '../case.ts'

const orders = [{ api }]
const slowOrders = [{ api, bound: '1' }]

/** Samples come every 2 minutes, so that rates of 5m have two. */
const sampleMinutes = 2

function burn(
  alert: string,
  says: string,
  phases: readonly Phase[],
  fires: AlertCase['fires'],
  everyMinutes: number,
): AlertCase {
  const minutes = phases.reduce((sum, phase) => sum + phase.minutes, 0)
  return { alert, says, everyMinutes, sampleMinutes, series: traffic(phases, sampleMinutes), atMinutes: minutes, fires }
}

interface Bad {
  readonly of: (perMinute: number) => Pick<Phase, 'failed' | 'slow'>
  readonly alert: 'Availability' | 'Latency'
  /** What the promise allows. */
  readonly budget: number
  readonly labels: AlertCase['fires']
}

const kinds: readonly Bad[] = [
  { alert: 'Availability', of: (failed) => ({ failed }), budget: 0.001, labels: orders },
  { alert: 'Latency', of: (slow) => ({ slow }), budget: 0.01, labels: slowOrders },
]

const requests = 100
/** An alert waits for the evaluation after the one that sees it first, and a window has both its ends. */
const hourAndTick = 80
/** Five times as many: a bad day of three is then no bad three days. */
const healthy = (minutes: number): Phase => ({ minutes, requests: 5 * requests })

function fastCases({ alert: kind, of, budget, labels }: Bad): AlertCase[] {
  const name = `Penstock${kind}FastBurn`
  const bad = (minutes: number, multiple: number): Phase => ({
    minutes,
    requests,
    ...of(requests * budget * multiple),
  })
  // Few requests, a tenth to a half of which are bad: what counts is how many.
  const few = (minutes: number, count: number, share: number): Phase => ({
    minutes,
    requests: count / minutes / share,
    ...of(count / minutes),
  })
  return [
    burn(name, 'an hour at 15.5 times the pace', [healthy(360), bad(hourAndTick, 15.5)], labels, 10),
    burn(name, 'an hour at 13 times the pace', [healthy(360), bad(hourAndTick, 13)], [], 10),
    burn(name, 'an hour of it that is over for ten minutes', [healthy(360), bad(60, 25), healthy(10)], [], 10),
    burn(name, 'six hours at 6.5 times the pace', [bad(360, 6.5)], labels, 10),
    burn(name, 'six hours at 5.5 times the pace', [bad(360, 5.5)], [], 10),
    burn(
      name,
      'eleven bad ones within an hour',
      [healthy(360), few(hourAndTick, (11 * hourAndTick) / 60, 0.3)],
      labels,
      10,
    ),
    burn(name, 'nine bad ones within an hour', [healthy(360), few(hourAndTick, (9 * hourAndTick) / 60, 0.3)], [], 10),
    burn(name, 'eleven bad ones within six hours', [few(360, 11, 0.3)], labels, 10),
    burn(name, 'nine bad ones within six hours', [few(360, 9, 0.3)], [], 10),
  ]
}

const day = 1440
const dayAndTick = day + 40

function slowCases({ alert: kind, of, budget, labels }: Bad): AlertCase[] {
  const name = `Penstock${kind}SlowBurn`
  const bad = (minutes: number, multiple: number): Phase => ({
    minutes,
    requests,
    ...of(requests * budget * multiple),
  })
  const few = (minutes: number, count: number): Phase => ({
    minutes,
    requests: count / minutes / 0.3,
    ...of(count / minutes),
  })
  return [
    burn(name, 'a day at 3.3 times the pace', [healthy(3 * day), bad(dayAndTick, 3.3)], labels, 20),
    burn(name, 'a day at 2.7 times the pace', [healthy(3 * day), bad(dayAndTick, 2.7)], [], 20),
    burn(name, 'three days at 1.1 times the pace', [bad(3 * day, 1.1)], labels, 20),
    burn(name, 'three days at 0.9 times the pace', [bad(3 * day, 0.9)], [], 20),
    burn(
      name,
      'eleven bad ones within a day',
      [healthy(3 * day), few(dayAndTick, (11 * dayAndTick) / day)],
      labels,
      20,
    ),
    burn(name, 'nine bad ones within a day', [healthy(3 * day), few(dayAndTick, (9 * dayAndTick) / day)], [], 20),
    burn(name, 'eleven bad ones within three days', [few(3 * day, 11)], labels, 20),
    burn(name, 'nine bad ones within three days', [few(3 * day, 9)], [], 20),
  ]
}

const rare = (count: number, share: number): Phase => ({
  minutes: day,
  requests: count / day / share,
  failed: count / day,
})

export const sloCases: readonly AlertCase[] = [
  ...kinds.flatMap(fastCases),
  ...kinds.flatMap(slowCases),
  burn('PenstockLowVolumeFailing', 'one in five of a dozen requests a day fails', [rare(3.2, 0.2)], orders, 20),
  burn('PenstockLowVolumeFailing', 'two requests a day, both failing', [rare(2.8, 0.9)], [], 20),
  burn('PenstockLowVolumeFailing', 'eleven in a hundred fail', [rare(5, 0.11)], orders, 20),
  burn('PenstockLowVolumeFailing', 'nine in a hundred fail', [rare(5, 0.09)], [], 20),
  burn('PenstockLowVolumeFailing', 'enough fail for the burn rates', [rare(480, 0.3)], [], 20),
]
