import { wait } from '../../runtime/wait.ts'
import { until } from '../services/until.ts'
import { isDrained, type ProgressView } from './progress.ts'
import type { ChaosSystem } from './system.ts'

/** 10 minutes: a test server that was down for long may take as long again. */
const drainWithinMs = 600_000

/** Waits until all that was made is settled everywhere. */
export async function comeToRest(progress: ProgressView, healed: number) {
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
export async function freshRecord(system: ChaosSystem, progress: ProgressView): Promise<number> {
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
