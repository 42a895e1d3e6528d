import { wait } from '../../runtime/wait.ts'
import { askJudge } from './ask-judge.ts'
import { kindsFor, strike } from './faults.ts'
import type { Verdict } from './judge.ts'
import type { ChaosOptions } from './options.ts'
import { type PlannedFault, planFaults } from './plan.ts'
import { openProgress } from './progress.ts'
import { comeToRest, freshRecord } from './rest.ts'
import { type ChaosSystem, openChaosSystem } from './system.ts'
import { type Watch, watch } from './watch.ts'

/** What a run found, and under what. */
export interface ChaosResult {
  readonly verdict: Verdict
  /** How often each fault struck. */
  readonly faults: Readonly<Record<string, number>>
  /** Kinds of faults that could not be done here, as sentences. */
  readonly leftOut: readonly string[]
  /** Records made each second while faults struck, of all producers together. */
  readonly recordsPerSecond: number
  /** How long after the last fault each sink settled something again. */
  readonly resumedMs: Readonly<Record<string, number>>
  /** How long after the last fault nothing was left to deliver. */
  readonly drainedMs: number
  /** Records that were left to deliver, to the sink that had most of them, and how fast they went. */
  readonly backlog: { readonly records: number; readonly perSecond: number }
  /** How long a record that was made then took to every sink. */
  readonly freshMs: number
  readonly pumpPeakMb: number
  /** The same with the processes that a pump tries deadly blocks in: one that dies often may have some. */
  readonly pumpFamilyPeakMb: number
  /** The verdict's, and whatever else went wrong. */
  readonly problems: readonly string[]
}

export type Say = (line: string) => void

/** Runs a system under load while its parts fail; then lets it come to rest, and has it judged. */
export async function runChaos(options: ChaosOptions, say: Say): Promise<ChaosResult> {
  await using system = await openChaosSystem({ ...options, disk: 'small' })
  const kinds = kindsFor(system, options.only)
  const wholeMs = options.minutes * 60_000
  const plan = planFaults({ seed: options.seed, wholeMs, kinds })
  const leftOut = system.disk ? [] : ['disk full: this user or this machine may not mount a tmpfs']
  for (const line of leftOut) say(`left out  ${line}`)
  using watching = watch(system)

  const begun = performance.now()
  system.setRate(options.recordsPerSecond)
  await strikeAll(system, plan, { wholeMs, watching, say })
  system.setRate(0)
  const healed = performance.now()
  await using progress = await openProgress(system)
  const rest = await comeToRest(progress, healed)
  const freshMs = await freshRecord(system, progress)
  watching[Symbol.dispose]()
  const verdict = await askJudge(system)
  return {
    verdict,
    faults: Object.fromEntries(
      Map.groupBy(plan, ({ kind }) => kind)
        .entries()
        .map(([kind, { length }]) => [kind, length]),
    ),
    leftOut,
    recordsPerSecond: Math.round((verdict.made * 1000) / (healed - begun)),
    ...rest,
    freshMs: Math.round(freshMs),
    pumpPeakMb: Math.round(watching.pumpPeakMb),
    pumpFamilyPeakMb: Math.round(watching.pumpFamilyPeakMb),
    problems: [...verdict.problems, ...watching.deaths],
  }
}

/** Every fault at its time; one at a time to a part. Resolves when the time is over and every part works again. */
async function strikeAll(
  system: ChaosSystem,
  plan: readonly PlannedFault[],
  { wholeMs, watching, say }: { wholeMs: number; watching: Watch; say: Say },
): Promise<void> {
  const startedAt = performance.now()
  const busy = new Map<string, Promise<void>>()
  for (const fault of plan) {
    await wait(Math.max(0, startedAt + fault.atMs - performance.now()))
    const { target, kind, forMs } = fault
    const before = busy.get(target) ?? Promise.resolve()
    const striking = before.then(async () => {
      const from = performance.now()
      say(`${seconds(startedAt)}  ${target}: ${kind}${forMs > 0 ? ` for ${forMs} ms` : ''}`)
      await watching.expecting(target, () => strike(system, fault))
      const over = performance.now() - from - forMs
      if (over > 1000) say(`${seconds(startedAt)}  ${target}: back after ${Math.round(over)} ms more`)
    })
    striking.catch(() => {}) // thrown below
    busy.set(target, striking)
  }
  await wait(Math.max(0, startedAt + wholeMs - performance.now()))
  await Promise.all(busy.values())
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1).padStart(7)} s`
}
