import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toQuery, usageParameters } from '../../usage/query.ts'

const now = Date.UTC(2026, 10, 21, 9)
const parse = (parameters: Record<string, string>) => toQuery(usageParameters.parse(parameters), now)

test('without parameters the totals of the last hour are asked', () => {
  assert.deepEqual(parse({}), {
    metrics: ['calls', 'success_rate', 'p50', 'p95'],
    by: [],
    filters: [],
    fromMs: now - 3_600_000,
    toMs: now,
    limit: 20,
  })
})

test('names are taken once, whatever spaces stand around them', () => {
  const { metrics, by } = parse({ metric: 'p95, calls,p95', by: 'endpoint, tags.tier' })
  assert.deepEqual(metrics, ['p95', 'calls'])
  assert.deepEqual(by, ['endpoint', 'tags.tier'])
})

for (const [last, ms] of Object.entries({
  '90s': 90_000,
  '30m': 1_800_000,
  '24h': 86_400_000,
  '7d': 604_800_000,
  '4w': 2_419_200_000,
})) {
  test(`last=${last} ends now`, () => {
    const { fromMs, toMs } = parse({ last })
    assert.deepEqual([toMs, toMs - fromMs], [now, ms])
  })
}

test('a day alone is its midnight in UTC, and an offset counts', () => {
  const { fromMs, toMs } = parse({ from: '2026-11-20', to: '2026-11-21T02:00:00+01:00' })
  assert.equal(fromMs, Date.UTC(2026, 10, 20))
  assert.equal(toMs, Date.UTC(2026, 10, 21, 1))
})

const wrong: [Record<string, string>, RegExp][] = [
  [{ by: 'endpont' }, /There is no dimension \\"endpont\\". Did you mean \\"endpoint\\"/],
  [{ by: 'zzz' }, /There is no dimension \\"zzz\\". There are api, /],
  [{ by: 'api,host,method,path,team' }, /At most 4 dimensions/],
  [{ by: 'detail' }, /There is no dimension \\"detail\\"/],
  [{ by: 'tags.' }, /There is no dimension \\"tags\.\\"/],
  [{ metric: 'p96' }, /There is no metric \\"p96\\". Did you mean \\"p95\\"/],
  [{ metric: ' , ' }, /Name at least one metric/],
  [{ last: '1 hour' }, /\\"1 hour\\" is no span of time: write it as 90s, 30m, 1h/],
  [{ last: '0h' }, /no span of time/],
  [{ from: 'yesterday' }, /\\"yesterday\\" is no time: write it as 2026-11-21T09:00:00Z/],
  [{ from: '2026-13-45' }, /is no time/],
  [{ from: '2026-11-21T09:00' }, /is no time/],
  [{ limit: '0' }, /limit is a whole number from 1 to 1000/],
  [{ limit: '1001' }, /limit is a whole number from 1 to 1000/],
  [{ limit: 'all' }, /limit is a whole number/],
  [{ filter: 'x' }, /is no condition/],
]

for (const [parameters, message] of wrong) {
  test(`${JSON.stringify(parameters)} is refused with what to write instead`, () => {
    assert.throws(
      () => parse(parameters),
      (error) => error instanceof Error && message.test(error.message),
    )
  })
}

const contradictions: [Record<string, string>, RegExp][] = [
  [{ last: '1h', from: '2026-11-20' }, /either last, or from and to/],
  [{ to: '2026-11-20' }, /give from/],
  [{ from: '2026-11-20', to: '2026-11-20' }, /ends before it begins/],
  [{ from: '2026-12-01' }, /ends before it begins/],
]

for (const [parameters, message] of contradictions) {
  test(`${JSON.stringify(parameters)} contradict each other`, () => {
    assert.throws(() => parse(parameters), message)
  })
}
