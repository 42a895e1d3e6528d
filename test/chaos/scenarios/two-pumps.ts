import { toOptions } from '../options.ts'
import { runChaos } from '../run.ts'
import type { ScenarioOptions, ScenarioResult } from './scenario.ts'

/** Two pumps over Redis are killed, stopped and paused at random, and started again. */
export async function twoPumps(
  seed: number,
  { minutes, recordsPerSecond, say }: ScenarioOptions,
): Promise<ScenarioResult> {
  const options = toOptions({
    ...{ seed: `${seed}`, minutes: `${minutes}`, rate: `${recordsPerSecond}`, buffer: 'redis', pumps: '2' },
    only: 'pump killed,pump stopped,pump paused',
  })
  const { verdict, faults, drainedMs, freshMs, pumpPeakMb, problems, ...result } = await runChaos(options, say)
  return {
    lost: verdict.lost,
    doubled: verdict.doubled,
    measured: {
      faults: Object.entries(faults)
        .map(([kind, times]) => `${times} × ${kind}`)
        .join(', '),
      'records, each in every sink': verdict.accepted.toLocaleString('en-US'),
      'records/s': `${result.recordsPerSecond}`,
      'until all was delivered after the last fault': `${drainedMs} ms`,
      'until a fresh record was in every sink': `${freshMs} ms`,
      'most memory of a pump': `${pumpPeakMb} MB`,
    },
    problems,
  }
}
