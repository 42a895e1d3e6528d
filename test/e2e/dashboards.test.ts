import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifiedDashboards } from './dashboards.ts'
import { openObserved } from './observed.ts'

test('every query of every dashboard has data within a minute of traffic of every kind', async (t) => {
  await using observed = await openObserved(t, { scrapeSeconds: 5 })
  const { faults, queries, mostSeries, panelsWithExemplars } = await verifiedDashboards(observed, { scrapeSeconds: 5 })
  assert.deepEqual(faults, [])
  t.diagnostic(`${queries} queries, at most ${mostSeries} series a panel, ${panelsWithExemplars} panels with exemplars`)
})
