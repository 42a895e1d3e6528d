import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { RequestRecord } from '../../record/fields.ts'
import { outcomes } from '../../record/outcome.ts'
import { aRecord } from '../../record/sample.ts'
import { samples, total } from './exposition.ts'
import { openPrometheusSink } from './prometheus-delivery.ts'

/** More names than the budgets below have room for. */
const aRequest = fc
  .record({
    api: fc.constantFrom('a', 'b', 'c', ''),
    route: fc.constantFrom('', '/1', '/2', '/3', '/4', '/5', '/6', '/7', '/8'),
    method: fc.constantFrom('GET', 'POST', 'INVENTED'),
    gateway: fc.constantFrom('gw-1', 'gw-2', 'gw-3'),
    status: fc.constantFrom(101, 200, 200, 301, 404, 499, 500, 503),
    outcome: fc.constantFrom(...outcomes),
    consumer: fc.constantFrom('', '__other__', ...Array.from({ length: 12 }, (_, i) => `consumer-${i}`)),
    team: fc.constantFrom('', 'red', 'blue', 'consumer-1'),
    weight: fc.constantFrom(1, 1, 1, 2.5, 100), // sums of these are exact
    totalUs: fc.nat(20_000_000),
    upstreamUs: fc.nat(9_000_000),
    bytesIn: fc.nat(9999),
    tags: fc.constantFrom({}, { tokens: '12' }, { tokens: 'many' }, { tokens: '-1', tier: 'gold' }),
  })
  .map((fields) => aRecord({ ...fields, traceId: '' }))

type Step =
  | { readonly do: 'deliver'; readonly records: readonly RequestRecord[]; readonly hours: number }
  | { readonly do: 'write, then crash'; readonly records: readonly RequestRecord[] }
  | { readonly do: 'write twice'; readonly records: readonly RequestRecord[] }
  | { readonly do: 'write, then another block'; readonly records: readonly RequestRecord[] }
  | { readonly do: 'restart' }

const someRequests = fc.array(aRequest, { minLength: 1, maxLength: 40 })
const hours = fc.constantFrom(0, 0, 0, 1, 30)

const steps = (hour: fc.Arbitrary<number>) =>
  fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('deliver' as const), records: someRequests, hours: hour }),
      fc.record({
        do: fc.constantFrom('write, then crash' as const, 'write twice' as const, 'write, then another block' as const),
        records: someRequests,
      }),
      fc.record({ do: fc.constant('restart' as const) }),
    ),
    { minLength: 1, maxLength: 12 },
  )

/** Far too little for all, and metrics of the user's own. */
const options = {
  maxSeries: 1400,
  consumers: 6,
  idleDays: 1,
  metrics: [
    { name: 'tokens_total', type: 'counter', help: 'Tokens', value: 'tags.tokens', labels: ['tags.tier', 'useCase'] },
    { name: 'took_seconds', type: 'histogram', help: 'Took', value: 'totalUs', labels: ['route'], buckets: [0.5, 2] },
    { name: 'all_total', type: 'counter', help: 'All', where: { method: ['GET', 'POST'] } },
  ],
}

type Opened = Awaited<ReturnType<typeof openPrometheusSink>>

/** Plays the steps, and after each one hands over the page and the records that are settled by then. */
async function play(
  t: TestContext,
  all: readonly Step[],
  onStep: (sink: Opened, settled: readonly RequestRecord[]) => void,
): Promise<Opened> {
  const sink = await openPrometheusSink(t, options)
  const settled: RequestRecord[] = []
  for (const step of all) {
    if (step.do === 'restart') await sink.restart()
    else {
      const block = sink.next(step.records, 'hours' in step ? sink.nowMs() + step.hours * 3_600_000 : undefined)
      if (step.do !== 'deliver') await sink.write(block)
      if (step.do === 'write, then crash') await sink.restart()
      if (step.do !== 'write, then another block') {
        await sink.deliverBlock(block)
        settled.push(...step.records)
      }
    }
    onStep(sink, settled)
  }
  return sink
}

const requestTotals = [
  'penstock_requests_total',
  'penstock_consumer_requests_total',
  'penstock_request_duration_seconds_count',
  'penstock_gateway_duration_seconds_count',
  'took_seconds_count',
]

test('whatever comes, every metric of requests sums up to the requests settled', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps(fc.constant(0)), async (all) => {
      await play(t, all, (sink, settled) => {
        const shown = samples(sink.page())
        const sum = settled.reduce((requests, { weight }) => requests + weight, 0)
        for (const name of requestTotals) assert.equal(total(shown, name), sum, name)
      })
    }),
    { numRuns: 60 },
  )
})

test('whatever comes, no counter falls', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps(fc.constant(0)), async (all) => {
      let before = new Map<string, number>()
      await play(t, all, (sink) => {
        const now = new Map<string, number>()
        for (const { name, labels, value } of samples(sink.page())) now.set(name + JSON.stringify(labels), value)
        for (const [series, value] of before) {
          const counter = !/^penstock_series(_budget)?\{/.test(series)
          if (counter) assert.ok((now.get(series) ?? -1) >= value, `${series} fell from ${value} to ${now.get(series)}`)
        }
        before = now
      })
    }),
    { numRuns: 60 },
  )
})

test('whatever comes, the series stay within the budget and are counted right', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps(hours), async (all) => {
      await play(t, all, (sink) => {
        const shown = samples(sink.page())
        const series = shown.filter(({ name }) => !name.startsWith('penstock_series'))
        assert.equal(new Set(series.map(({ name, labels }) => name + JSON.stringify(labels))).size, series.length)
        assert.ok(series.length <= options.maxSeries, `${series.length} series`)
        assert.equal(total(shown, 'penstock_series'), series.length)
        for (const group of ['endpoints', 'consumers', ...options.metrics.map(({ name }) => name)]) {
          const used = total(shown, 'penstock_series', { group })
          assert.ok(used <= total(shown, 'penstock_series_budget', { group }), `${used} series of ${group}`)
        }
      })
    }),
    { numRuns: 60 },
  )
})

test('whenever it restarts, crashes or repeats a block, it shows what it would have shown without', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps(hours), async (all) => {
      const last: Step = { do: 'deliver', records: [aRecord({ traceId: '' })], hours: 0 }
      const straight = all.flatMap((step): Step[] => {
        if (step.do === 'restart' || step.do === 'write, then another block') return []
        return [{ hours: 0, ...step, do: 'deliver' }]
      })
      const [one, other] = [await play(t, [...all, last], () => {}), await play(t, [...straight, last], () => {})]
      assert.deepEqual(byName(one.page()), byName(other.page()))
    }),
    { numRuns: 60 },
  )
})

/** Rows may stand in another order after a restart. */
const byName = (text: string) => text.split('\n').sort()
