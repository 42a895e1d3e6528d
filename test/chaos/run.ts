import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { wait } from '../../runtime/wait.ts'
import { until } from '../services/until.ts'
import { kindsFor, strike } from './faults.ts'
import type { Evidence, Verdict } from './judge.ts'
import type { ChaosOptions } from './options.ts'
import { type PlannedFault, planFaults } from './plan.ts'
import { isDrained, openProgress, type ProgressView } from './progress.ts'
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
  /** The verdict's, and whatever else went wrong. */
  readonly problems: readonly string[]
}

export type Say = (line: string) => void

/** 10 minutes: a test server that was down for long may take as long again. */
const drainWithinMs = 600_000

/** Runs a system under load while its parts fail; then lets it come to rest, and has it judged. */
export async function runChaos(options: ChaosOptions, say: Say): Promise<ChaosResult> {
  await using system = await openChaosSystem(options)
  const kinds = kindsFor(system, options.only)
  const wholeMs = options.minutes * 60_000
  const plan = planFaults({ seed: options.seed, wholeMs, kinds })
  const leftOut = system.disk ? [] : ['disk full: this user or this machine may not mount a tmpfs']
  for (const line of leftOut) say(`left out  ${line}`)
  using watching = watch(system)

  const begun = performance.now()
  setRate(system, options.recordsPerSecond)
  await strikeAll(system, plan, { wholeMs, watching, say })
  setRate(system, 0)
  const healed = performance.now()
  await using progress = await openProgress(system)
  const rest = await comeToRest(progress, healed)
  const freshMs = await freshRecord(system, progress)
  const pages = options.sinks.includes('prometheus') ? await savePages(system) : undefined
  watching[Symbol.dispose]()
  await stopAll(system)
  const verdict = await askJudge(system, pages)
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
    problems: [...verdict.problems, ...watching.deaths],
  }
}

function setRate(system: ChaosSystem, recordsPerSecond: number): void {
  for (const producer of system.producers)
    system.order(producer, () => ({ recordsPerSecond: recordsPerSecond / system.producers.length }))
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

/** Waits until all that was made is settled everywhere. */
async function comeToRest(progress: ProgressView, healed: number) {
  const first = await progress.look()
  const records = Math.max(0, ...first.sinks.values().map(({ backlog }) => backlog)) + first.spooled
  const resumedMs: Record<string, number> = {}
  const note = async () => {
    const now = await progress.look()
    for (const [sink, { settled, backlog }] of now.sinks) {
      if (settled > (first.sinks.get(sink)?.settled ?? 0) || backlog === 0)
        resumedMs[sink] ??= Math.round(performance.now() - healed)
    }
    return isDrained(now)
  }
  const waited = { what: 'every sink to settle all there is', timeoutMs: drainWithinMs, everyMs: 100 }
  await until(note, waited)
  const drainedMs = Math.round(performance.now() - healed)
  await wait(500) // what was still in a producer's memory is in its log now
  await until(note, waited)
  return { resumedMs, drainedMs, backlog: { records, perSecond: Math.round((records * 1000) / drainedMs) } }
}

/** One more record of every producer. Resolves to how long the last of them took to the last sink. */
async function freshRecord(system: ChaosSystem, progress: ProgressView): Promise<number> {
  const startedAt = performance.now()
  const before = await progress.look()
  for (const producer of system.producers) system.order(producer, ({ single }) => ({ single: single + 1 }))
  const hasCome = async () => {
    const now = await progress.look()
    const came = (sink: string) => (now.sinks.get(sink)?.appended ?? 0) - (before.sinks.get(sink)?.appended ?? 0)
    return isDrained(now) && now.sinks.keys().every((sink) => came(sink) >= system.producers.length)
  }
  await until(hasCome, { what: 'a fresh record to arrive in every sink', timeoutMs: 60_000 })
  return performance.now() - startedAt
}

async function savePages({ pumps, folder }: ChaosSystem): Promise<readonly string[]> {
  const files: string[] = []
  for (const [i, { adminUrl }] of pumps.entries()) {
    const file = join(folder, `metrics-${i}`)
    writeFileSync(file, await (await fetch(`${adminUrl}/metrics`)).text())
    files.push(file)
  }
  return files
}

async function stopAll({ producers, pumps }: ChaosSystem): Promise<void> {
  await Promise.all([...producers, ...pumps].map((one) => one.stop()))
}

async function askJudge(
  { folder, configFile, producers, places }: ChaosSystem,
  pages: readonly string[] | undefined,
): Promise<Verdict> {
  const lives = producers.flatMap(({ lives, logFolder }) => lives.map((one) => ({ ...one, logFolder })))
  const evidence: Evidence = { configFile, lives, places, ...(pages ? { pages } : {}) }
  const file = join(folder, 'evidence.json')
  writeFileSync(file, JSON.stringify(evidence))
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'judge-child.ts'), file])
  return JSON.parse(stdout) as Verdict // what judge-child.ts prints
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1).padStart(7)} s`
}
