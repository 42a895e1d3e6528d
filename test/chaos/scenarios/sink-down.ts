import { wait } from '../../../runtime/wait.ts'
import { askJudge } from '../ask-judge.ts'
import { openProgress, type ProgressView } from '../progress.ts'
import { comeToRest } from '../rest.ts'
import { openChaosSystem } from '../system.ts'
import { watch } from '../watch.ts'
import { type Measured, mean, percent, type ScenarioOptions, type ScenarioResult } from './scenario.ts'

const victim = 'clickhouse'
const others = ['file', 'prometheus', 'store'] as const
/** 20 s: processes compile and grow to their size first. */
const warmUpMs = 20_000
/** 2 minutes of undisturbed traffic are compared with all of the outage. */
const beforeMs = 120_000
const everyMs = 1000

/** One look at every sink. */
interface Look {
  readonly atMs: number
  readonly settled: ReadonlyMap<string, number>
  readonly backlog: ReadonlyMap<string, number>
}

/** One sink refuses every connection for minutes while records come; then it is back, and they go on coming. */
export async function sinkDown({ minutes, recordsPerSecond, say }: ScenarioOptions): Promise<ScenarioResult> {
  await using system = await openChaosSystem({ buffer: 'sqlite', sinks: [victim, ...others], pumps: 1, disk: 'large' })
  using watching = watch(system)
  system.setRate(recordsPerSecond)
  await wait(warmUpMs)
  await using progress = await openProgress(system)
  say(`${beforeMs / 1000} s with every sink`)
  const before = await lookFor(progress, beforeMs)
  const peakBeforeMb = watching.pumpPeakMb

  say(`${minutes} minutes without ${victim}`)
  const link = system.links.get(victim)! // it has a server
  await link.set({ kind: 'refuse' })
  const during = await lookFor(progress, minutes * 60_000)
  const peakDuringMb = watching.pumpPeakMb
  await link.set({ kind: 'none' })
  say(`${victim} is back`)
  const catchUp = await lookFor(
    progress,
    Number.POSITIVE_INFINITY,
    (look) => (look.backlog.get(victim) ?? 0) < 2 * recordsPerSecond,
  )

  system.setRate(0)
  await comeToRest(progress, performance.now())
  watching[Symbol.dispose]()
  const { lost, doubled, problems } = await askJudge(system)
  const times = rate(catchUp, victim) / rate(before, others[0])
  return {
    lost,
    doubled,
    measured: {
      'records/s, all the while': rate([...before, ...during, ...catchUp], others[0]).toFixed(0),
      ...compared(before, during),
      [`${victim}: records left when it came back`]: (catchUp[0]?.backlog.get(victim) ?? 0).toLocaleString('en-US'),
      [`${victim}: delivered while it caught up`]: `${rate(catchUp, victim).toFixed(0)} records/s, ${times.toFixed(1)} × the live rate`,
      'most memory of the pump': `${peakBeforeMb.toFixed(0)} MB before, ${peakDuringMb.toFixed(0)} MB without ${victim}, ${watching.pumpPeakMb.toFixed(0)} MB while it caught up`,
    },
    problems: [...problems, ...watching.deaths],
  }
}

/** Looks once a second, for a time or until something is so. */
async function lookFor(progress: ProgressView, forMs: number, isOver = (_: Look) => false): Promise<readonly Look[]> {
  const looks: Look[] = []
  const endMs = performance.now() + forMs
  do {
    const { sinks } = await progress.look()
    const of = (term: 'settled' | 'backlog') => new Map([...sinks].map(([sink, terms]) => [sink, terms[term]]))
    looks.push({ atMs: performance.now(), settled: of('settled'), backlog: of('backlog') })
    await wait(everyMs)
  } while (performance.now() < endMs && !isOver(looks.at(-1)!)) // just pushed
  return looks
}

/** Records that a sink settled each second. */
function rate(looks: readonly Look[], sink: string): number {
  const [first, last] = [looks[0], looks.at(-1)]
  if (!first || !last || first === last) return 0
  return (((last.settled.get(sink) ?? 0) - (first.settled.get(sink) ?? 0)) * 1000) / (last.atMs - first.atMs)
}

function compared(before: readonly Look[], during: readonly Look[]): Measured {
  const lag = (looks: readonly Look[], sink: string) => mean(looks.map(({ backlog }) => backlog.get(sink) ?? 0))
  return Object.fromEntries(
    others.flatMap((sink) => [
      [
        `${sink}: records/s without ${victim}`,
        `${rate(during, sink).toFixed(0)} (${percent(rate(during, sink), rate(before, sink))})`,
      ],
      [
        `${sink}: mean lag without ${victim}`,
        `${lag(during, sink).toFixed(0)} records (${percent(lag(during, sink), lag(before, sink))})`,
      ],
    ]),
  )
}
