import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './port.ts'
import { until } from './until.ts'

/** A server that this process started. Disposing stops it and removes its data; if this process dies first, the server dies too. */
export interface Server extends AsyncDisposable {
  /** On 127.0.0.1; stays the same over restarts. */
  readonly port: number
  /** Its data; stays over restarts. */
  readonly folder: string
  /** The last that it printed since it was last started. */
  output(): string
  /** Of its process since it was last started. */
  pid(): number | undefined
  /** How its process ended, however that came: an exit code or a signal; undefined while it runs. */
  exit(): string | undefined
  /** SIGKILL. Resolves once the process has ended; harmless when it is down. */
  kill(): Promise<void>
  /** Asks it to end. Resolves once the process has ended; harmless when it is down. */
  stop(): Promise<void>
  /** Starts it again on the same folder and port, stopping it first if it runs. Resolves once it answers. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers, until `resume`. */
  pause(): void
  resume(): void
}

export interface Place {
  readonly port: number
  readonly folder: string
}

export interface Command {
  file: string
  args: readonly string[]
  env?: Record<string, string>
  cwd?: string
}

export interface ServerRecipe {
  name: string
  /** Called before each start: writes what the server reads, says how it is run. */
  command(place: Place): Command | Promise<Command>
  /** Throws, or is false, while the server does not yet answer its protocol. */
  isReady(place: Place, output: string): Promise<boolean>
  readyWithinMs?: number
}

const stopWithinMs = 10_000 // a clean stop takes well under a second; a paused or stuck server is killed
const outputCharacters = 20_000 // enough for the reason of a failed start

/** Starts a server on a free port with a fresh data folder. Resolves once it answers its protocol. */
export async function openServer(recipe: ServerRecipe): Promise<Server> {
  const place = { port: await freePort(), folder: await mkdtemp(join(tmpdir(), `penstock-${recipe.name}-`)) }
  cleanUpAtTheEnd(place.folder)
  let running: Running | undefined

  const end = async (signal: NodeJS.Signals) => await running?.end(signal)
  const start = async () => {
    running = run(await recipe.command(place), place.folder)
    await isUp(recipe, place, running).catch(async (error) => {
      await end('SIGKILL')
      throw error
    })
  }
  const dispose = async () => {
    await end('SIGTERM')
    await rm(place.folder, { recursive: true, force: true, maxRetries: 3 })
    folders.delete(place.folder)
  }

  await start().catch(async (error) => {
    await dispose()
    throw error
  })
  return {
    ...place,
    output: () => running?.output() ?? '',
    pid: () => running?.pid,
    exit: () => running?.exit(),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    restart: () => end('SIGTERM').then(start),
    pause: () => running?.signal('SIGSTOP'),
    resume: () => running?.signal('SIGCONT'),
    [Symbol.asyncDispose]: dispose,
  }
}

interface Running {
  readonly pid: number | undefined
  output(): string
  exit(): string | undefined
  signal(signal: NodeJS.Signals): void
  end(signal: NodeJS.Signals): Promise<void>
}

const living = new Set<ChildProcess>()
const folders = new Set<string>()
let isWatching = false

/** An exit that disposes of nothing, also one by a signal, still leaves nothing behind. */
function cleanUpAtTheEnd(folder: string): void {
  if (!isWatching) {
    isWatching = true
    process.once('exit', cleanUp)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, endBySignal)
  }
  folders.add(folder)
}

function cleanUp(): void {
  for (const child of living) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 0) return // who else listens decides what the signal does
  cleanUp()
  process.kill(process.pid, signal) // nobody listens any more, so that it does what it does by default
}

function run({ file, args, env, cwd }: Command, folder: string): Running {
  const [command, ...words] = dyingWithUs([file, ...args])
  const child = spawn(command, words, {
    cwd: cwd ?? folder,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let text = ''
  let exit: string | undefined
  const collect = (chunk: Buffer) => {
    text = (text + chunk).slice(-outputCharacters)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  child.stdin.on('error', () => {}) // the server closed it; the pipe is only there to end when we do
  living.add(child)
  child.once('error', (error) => {
    exit = error.message
    living.delete(child)
  })
  const ended = once(child, 'close').then(([code, signal]) => {
    exit ??= signal ?? `exit code ${code}`
    living.delete(child)
  }, noop)

  return {
    pid: child.pid,
    output: () => text,
    exit: () => exit,
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      if (exit !== undefined) return
      child.kill(signal)
      const late = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
      await ended
      clearTimeout(late)
    },
  }
}

const noop = () => {}

/** Linux kills the command when this process dies, however it dies. Elsewhere only our own servers notice, by the end of their stdin. */
function dyingWithUs(words: [string, ...string[]]): [string, ...string[]] {
  const setpriv = '/usr/bin/setpriv'
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--', ...words] : words
}

async function isUp(recipe: ServerRecipe, place: Place, running: Running): Promise<void> {
  const { name, readyWithinMs = 15_000 } = recipe
  const answered = until(async () => running.exit() !== undefined || (await recipe.isReady(place, running.output())), {
    what: `${name} to answer`,
    timeoutMs: readyWithinMs,
  })
  const cause = await answered.then(() => undefined).catch((error: unknown) => error)
  if (running.exit() !== undefined)
    throw new Error(`${name} ended (${running.exit()}) before it answered:\n${running.output()}`)
  if (cause) throw new Error(`${name} did not answer within ${readyWithinMs} ms:\n${running.output()}`, { cause })
}
