import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DeathError, type Trial } from '../../pump/trial.ts'
import { HaltError, type SinkDefinition, type Written } from '../../sinks/sink.ts'
import { type Assignment, fromFailure, type Report } from './protocol.ts'

export interface TrialOptions {
  readonly type: string
  /** The sink's name in the config. */
  readonly name: string
  readonly options: object
  /** `pump.hashKeys` of the config. */
  readonly hashKeys: readonly string[]
  readonly definition: SinkDefinition
  readonly dataDir: string
}

const entry = new URL('./process.ts', import.meta.url)

/** Tries blocks of one sink, each in a process of its own: on a scratch folder where the sink would store them here. */
export function openTrial({ type, name, options, definition, hashKeys, dataDir }: TrialOptions): Trial {
  const folder = join(dataDir, 'trial', name)
  rmSync(folder, { recursive: true, force: true }) // of a pump that was killed
  return {
    stores: definition.scratch === undefined,
    async write(job, signal) {
      signal.throwIfAborted()
      if (!definition.scratch) return await runTrial({ type, name, options, hashKeys, dataDir, job }, signal)
      mkdirSync(folder, { recursive: true })
      const scratch = mkdtempSync(join(folder, 'block-'))
      try {
        const own = definition.scratch(options as Record<string, unknown>) // the config's schema is the definition's
        return await runTrial({ type, name, options: own, hashKeys, dataDir: scratch, job }, signal)
      } finally {
        rmSync(scratch, { recursive: true, force: true })
      }
    },
  }
}

async function runTrial(assignment: Assignment, signal: AbortSignal): Promise<Written | undefined> {
  const child = fork(entry, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  try {
    const { reports, how } = await ended(child, assignment)
    signal.throwIfAborted()
    return judge(reports, how)
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** What the process reported until it ended, and how it did. */
async function ended(child: ChildProcess, assignment: Assignment): Promise<{ reports: Report[]; how: string }> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const reports: Report[] = []
  child.on('message', (report: Report) => reports.push(report)) // the only messages that the process sends
  // 'close', not 'exit': by then every message that it sent has been read.
  child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  child.on('error', (error) => {
    if (child.pid === undefined) resolve(error.message)
  })
  child.send(assignment, () => {}) // where it is gone already, its end says so
  return { how: await promise, reports }
}

function judge(reports: readonly Report[], how: string): Written | undefined {
  for (const report of reports) {
    if (report.kind === 'stored') return report.written
    if (report.kind === 'failed') throw fromFailure(report.failure)
  }
  if (!reports.some(({ kind }) => kind === 'opened'))
    throw new HaltError(`A block has to be tried in a process of its own, and that did not start: ${how}.`)
  throw new DeathError(how, reports.find((report) => report.kind === 'letter')?.letter)
}
