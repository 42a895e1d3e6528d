import { performance } from 'node:perf_hooks'
import type { Registry } from 'prom-client'
import { toCounter, toGauge } from '../../metrics/metric.ts'
import { processMetrics } from '../../metrics/process.ts'
import packageJson from '../../package.json' with { type: 'json' }

/** Shows in `registry` what this process is and takes, read anew at each scrape. */
export function registerProcessMetrics(role: 'gateway' | 'pump', registry: Registry): void {
  toGauge(processMetrics.buildInfo, registry).set({ version: packageJson.version, role }, 1)
  toGauge(processMetrics.startTime, registry).set(performance.timeOrigin / 1000)
  toCounter(processMetrics.cpu, registry, (counter) => {
    const { user, system } = process.cpuUsage()
    counter.reset()
    counter.inc((user + system) / 1e6)
  })
  toGauge(processMetrics.residentMemory, registry, (gauge) => gauge.set(process.memoryUsage.rss()))
  toCounter(processMetrics.loopActive, registry, (counter) => {
    counter.reset()
    counter.inc(performance.eventLoopUtilization().active / 1000)
  })
}
