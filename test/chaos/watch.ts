import { ownResidentMb, residentMb } from '../../bench/gateway/process.ts'
import { until } from '../services/until.ts'
import type { ChaosSystem } from './system.ts'

/** What can be seen of processes from outside while a run goes on. */
export interface Watch extends Disposable {
  /** Most that any pump held at once. */
  readonly pumpPeakMb: number
  /** The same with the processes that it tries deadly blocks in. */
  readonly pumpFamilyPeakMb: number
  /** Processes of ours that ended although nobody ended them, as sentences. */
  readonly deaths: readonly string[]
  /** To be called around whatever may end a process. */
  expecting<T>(target: string, work: () => Promise<T>): Promise<T>
  /** From now on processes are ended on purpose. */
  [Symbol.dispose](): void
}

const everyMs = 1000

/** Looks at every process once a second; starts again what died by itself, as whatever supervises it would. */
export function watch({ servers, pumps }: ChaosSystem): Watch {
  const expected = new Set<string>()
  const deaths: string[] = []
  let pumpPeakMb = 0
  let pumpFamilyPeakMb = 0
  const look = () => {
    for (const pump of pumps) {
      pumpPeakMb = Math.max(pumpPeakMb, memoryOf(pump.pid(), ownResidentMb))
      pumpFamilyPeakMb = Math.max(pumpFamilyPeakMb, memoryOf(pump.pid(), residentMb))
    }
    for (const [name, server] of servers) {
      const exit = server.exit()
      if (exit === undefined || expected.has(name)) continue
      deaths.push(`${name} ended by itself (${exit}):\n${server.output().slice(-2000)}`)
      expected.add(name)
      void until(() => server.restart().then(() => true), { timeoutMs: 60_000, everyMs: 500 })
        .catch((error) => deaths.push(String(error)))
        .finally(() => expected.delete(name))
    }
  }
  const timer = setInterval(look, everyMs)
  return {
    get pumpPeakMb() {
      return pumpPeakMb
    },
    get pumpFamilyPeakMb() {
      return pumpFamilyPeakMb
    },
    deaths,
    async expecting(target, work) {
      expected.add(target)
      try {
        return await work()
      } finally {
        expected.delete(target)
      }
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function memoryOf(pid: number | undefined, measure: (pid: number) => number): number {
  try {
    return pid === undefined ? 0 : measure(pid)
  } catch {
    return 0 // it has just ended
  }
}
