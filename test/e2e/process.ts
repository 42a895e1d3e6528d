import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openServer } from '../services/server.ts'

const root = join(import.meta.dirname, '../..')
const main = join(root, 'cli/penstock.ts')

/** A process of Penstock's own, started as an operator would. */
export interface PenstockProcess extends AsyncDisposable {
  /** What it printed, in all of its lives. */
  output(): string
  /** SIGKILL. Resolves once it has ended. */
  kill(): Promise<void>
  /** Starts it anew, after a kill. Resolves once it is ready. */
  start(): Promise<void>
  /** SIGTERM. Resolves once it has ended. */
  stop(): Promise<void>
  /** SIGHUP: it reads its configuration again. */
  reload(): void
  /** SIGSTOP: it does nothing, and knows nothing of that, until `resume`. */
  pause(): void
  resume(): void
}

export interface ProcessOptions {
  readonly configFile: string
  readonly roles: string
  /** Where it says that it is ready. */
  readonly adminUrl: string
}

const startWithinMs = 60_000 // 2 s where nothing else runs

/** Runs `penstock start` with some roles. Resolves once it is ready. */
export async function openPenstock({ configFile, roles, adminUrl }: ProcessOptions): Promise<PenstockProcess> {
  const server = await openServer({
    name: `penstock-${roles.replaceAll(',', '-')}`,
    command: () => ({
      file: process.execPath,
      args: [main, 'start', '--config', configFile, '--roles', roles],
      cwd: root,
      env: { NODE_OPTIONS: '' },
    }),
    isReady: async () => (await fetch(`${adminUrl}/readyz`)).ok,
    readyWithinMs: startWithinMs,
  })
  const earlier: string[] = []
  return {
    output: () => [...earlier, server.output()].join('\n'),
    async kill() {
      await server.kill()
      earlier.push(server.output())
    },
    start: () => server.restart(),
    stop: () => server.stop(),
    reload() {
      const pid = server.pid()
      if (pid !== undefined) process.kill(pid, 'SIGHUP')
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Runs a command of Penstock's to its end; gives what it printed. */
export async function runPenstock(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { cwd: root })
  return stdout
}
