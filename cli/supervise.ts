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
  /** Aborted when this process is told to end: the other one may have been told too, and is not started again. */
  readonly interrupted: AbortSignal
}

export interface Supervised extends AsyncDisposable {
  readonly addresses: Addresses
}

const main = new URL('./penstock.ts', import.meta.url)
/** 30 s: a process that lived for so long did not die of its start. */
const settledMs = 30_000
/** 6: a record that ends the process is found after three deaths, and each of the others may have been chance. */
const deathsAtStart = 6

interface Child {
  readonly process: ChildProcess
  /** Resolves when it has ended, or could not even be started. */
  readonly ended: Promise<void>
}

/**
 * Runs another process of ours beside this one, and starts it again whenever it dies: resolves once it is at work.
 * Throws ConfigError where it ends because of the configuration, the interruption's reason where that came first, and an Error where its start fails again and again.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const closing = new AbortController()
  const unwanted = AbortSignal.any([closing.signal, options.interrupted])
  let { child, addresses } = await startFirst(options)
  const running = (async () => {
    for (let deaths = 0; ; deaths++) {
      const startedAtMs = Date.now()
      await child.ended
      if (unwanted.aborted) return
      if (Date.now() - startedAtMs > settledMs) deaths = 0
      const afterMs = backoff(deaths)
      options.log('error', 'A process of ours died; it is started again.', {
        code: child.process.exitCode,
        signal: child.process.signalCode,
        afterMs,
      })
      await wait(afterMs, unwanted).catch(() => {}) // seen next
      if (unwanted.aborted) return
      child = start(options)
    }
  })()
  return {
    addresses,
    async [Symbol.asyncDispose]() {
      closing.abort()
      const killed = setTimeout(() => child.process.kill('SIGKILL'), options.graceMs)
      child.process.kill('SIGTERM')
      await child.ended
      clearTimeout(killed)
      await running
    },
  }
}

/** A process that is at work. What it was given to deliver may end it sooner than that, and then it is started again. */
async function startFirst(options: SuperviseOptions): Promise<{ child: Child; addresses: Addresses }> {
  for (let deaths = 1; ; deaths++) {
    const child = start(options)
    const addresses = await ready(child, options)
    if (addresses) return { child, addresses }
    const { exitCode: code, signalCode: signal } = child.process
    if (deaths === deathsAtStart || code === exitCodes.usage)
      // what is called wrongly never starts
      throw new Error(`The pump and the console ended at their start, with ${signal ?? `exit code ${code}`}.`)
    options.log('error', 'A process of ours died at its start; it is started again.', { code, signal })
    await wait(backoff(deaths), options.interrupted)
  }
}

function start({ args, log }: SuperviseOptions): Child {
  const process = fork(main, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  process.once('exit', () => resolve())
  process.on('error', (error) => {
    log('error', 'A process of ours cannot be started or reached.', { error })
    if (process.pid === undefined) resolve()
  })
  return { process, ended }
}

/** Undefined where it ended before it was at work. */
async function ready({ process, ended }: Child, { interrupted }: SuperviseOptions): Promise<Addresses | undefined> {
  const [message] = await Promise.race([once(process, 'message'), ended.then(() => [])])
  if (typeof message === 'object' && message !== null) return message as Addresses // the only message that a process of ours sends
  interrupted.throwIfAborted()
  if (process.exitCode === exitCodes.config)
    throw new ConfigError('The pump and the console did not start; the reason stands above.')
  return undefined
}
