import { readdirSync, readFileSync } from 'node:fs'

/** 10 ms: the kernel counts CPU time in ticks of this length (getconf CLK_TCK is 100 wherever Linux runs today). */
const tickUs = 10_000

/** CPU time of a process with all of its threads and children, microseconds. */
export function cpuUs(pid: number): number {
  const fields = afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const own = (Number(fields[11]) + Number(fields[12])) * tickUs // utime and stime, threads included
  return childrenOf(pid).reduce((sum, child) => sum + cpuUs(child), own)
}

/** Resident memory of a process with its children, MB. */
export function residentMb(pid: number): number {
  return childrenOf(pid).reduce((sum, child) => sum + residentMb(child), ownResidentMb(pid))
}

/** Resident memory of a process alone, MB. */
export function ownResidentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** The fields behind the process's name, which may hold spaces and parentheses. */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
