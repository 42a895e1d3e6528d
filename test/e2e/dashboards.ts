import { verifyClickHouse } from '../dashboards/clickhouse-verifier.ts'
import { dashboardsOver } from '../dashboards/dashboard-file.ts'
import { type Verdict, verify } from '../dashboards/verifier.ts'
import { until } from '../services/until.ts'
import type { Observed } from './observed.ts'

/** Verifies every dashboard until none has a fault, or for as long as the series of a rate take to come, and as long again. */
export async function verifiedDashboards(
  observed: Observed,
  { scrapeSeconds }: { readonly scrapeSeconds: number },
): Promise<Verdict> {
  let last: Verdict | undefined
  const isFaultless = async () => {
    last = await verdictOf(observed, scrapeSeconds)
    return last.faults.length === 0
  }
  const timeoutMs = (8 * scrapeSeconds + 20) * 1000
  await until(isFaultless, { timeoutMs, everyMs: 1000 }).catch((error: unknown) => {
    if (!last) throw error // otherwise its faults say what is wrong
  })
  return last as unknown as Verdict // asked at least once
}

/** All dashboards in one verdict, as someone sees them who looks at the last minutes. */
async function verdictOf({ prometheus, clickhouse }: Observed, scrapeSeconds: number): Promise<Verdict> {
  const toSeconds = Math.floor(Date.now() / 1000)
  const looking = { fromSeconds: toSeconds - 24 * scrapeSeconds, toSeconds, scrapeSeconds }
  const verdicts = [
    ...(await Promise.all(dashboardsOver('prometheus').map((one) => verify(one, { ...looking, url: prometheus.url })))),
    ...(await Promise.all(
      dashboardsOver('grafana-clickhouse-datasource').map((one) =>
        verifyClickHouse(one, { ...looking, url: clickhouse }),
      ),
    )),
  ]
  return {
    queries: verdicts.reduce((sum, { queries }) => sum + queries, 0),
    faults: verdicts.flatMap(({ faults }) => faults),
    mostSeries: Math.max(...verdicts.map(({ mostSeries }) => mostSeries)),
    panelsWithExemplars: verdicts.reduce((sum, { panelsWithExemplars }) => sum + panelsWithExemplars, 0),
  }
}
