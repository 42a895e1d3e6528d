import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { backoff } from '../runtime/backoff.ts'
import { ConfigError } from '../runtime/check.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import { exitCodes } from './command.ts'

/** Where a process of ours can be reached: told to its parent once it is at work. */
export interface Addresses {
  readonly gateway?: readonly string[]
  readonly gatewayAdmin?: string
  readonly pumpAdmin?: string
  readonly console?: string
}

export interface SuperviseOptions {
  /** Arguments after `penstock`. */
  readonly args: readonly string[]
  readonly log: Log
  /** How long the process may take to end by itself, milliseconds. */
  readonly graceMs: number
}

export interface Supervised extends AsyncDisposable {
  readonly addresses: Addresses
}

const main = new URL('./penstock.ts', import.meta.url)
/** 30 s: a process that lived for so long did not die of its start. */
const settledMs = 30_000

/**
 * Runs another process of ours beside this one, and starts it again whenever it dies: resolves once it is at work.
 * Throws ConfigError where its first start ends because of the configuration.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const closing = new AbortController()
  let child = start(options)
  const addresses = await ready(child)
  const running = (async () => {
    for (let deaths = 0; ; deaths++) {
      const startedAtMs = Date.now()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      if (closing.signal.aborted) return
      if (Date.now() - startedAtMs > settledMs) deaths = 0
      const afterMs = backoff(deaths)
      options.log('error', 'A process of ours died; it is started again.', {
        code: child.exitCode,
        signal: child.signalCode,
        afterMs,
      })
      await wait(afterMs, closing.signal).catch(() => {}) // closing is seen next
      if (closing.signal.aborted) return
      child = start(options)
    }
  })()
  return {
    addresses,
    async [Symbol.asyncDispose]() {
      closing.abort()
      if (child.exitCode === null && child.signalCode === null) {
        const killed = setTimeout(() => child.kill('SIGKILL'), options.graceMs)
        child.kill('SIGTERM')
        await once(child, 'exit')
        clearTimeout(killed)
      }
      await running
    },
  }
}

function start({ args }: SuperviseOptions): ChildProcess {
  return fork(main, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

async function ready(child: ChildProcess): Promise<Addresses> {
  const [outcome] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (typeof outcome === 'object' && outcome !== null) return outcome as Addresses // the only message that a process of ours sends
  if (outcome === exitCodes.config)
    throw new ConfigError('The pump and the console did not start; the reason stands above.')
  throw new Error(`The pump and the console ended at their start, with exit code ${outcome}.`)
}
