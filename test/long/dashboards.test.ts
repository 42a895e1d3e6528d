import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifiedDashboards } from '../e2e/dashboards.ts'
import { openObserved } from '../e2e/observed.ts'

for (const scrapeSeconds of [15, 30]) {
  test(`every query of every dashboard has data where Prometheus scrapes each ${scrapeSeconds} s`, async (t) => {
    await using observed = await openObserved(t, { scrapeSeconds })
    const { faults, queries, mostSeries } = await verifiedDashboards(observed, { scrapeSeconds })
    assert.deepEqual(faults, [])
    t.diagnostic(`${queries} queries, at most ${mostSeries} series a panel`)
  })
}
