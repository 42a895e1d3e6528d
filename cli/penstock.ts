import { realpathSync } from 'node:fs'
import { BufferUnavailableError, LogResetError } from '../buffer/buffer.ts'
import { ConfigError } from '../runtime/check.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { HaltError, RetryableError } from '../sinks/sink.ts'
import {
  BackendError,
  type Command,
  exitCodes,
  parseCommand,
  type Terminal,
  toHelp,
  UsageError,
  ValueError,
} from './command.ts'
import { commands } from './index.ts'

/** Runs one command line and resolves to its exit code; never throws. */
export async function main(
  args: readonly string[],
  terminal: Terminal,
  toError: (text: string) => void,
): Promise<number> {
  try {
    return await dispatch(args, terminal)
  } catch (error) {
    if (terminal.interrupted.aborted && error === terminal.interrupted.reason) return exitCodes.ok
    toError(`${isForOperator(error) ? error.message : ((error as Error | undefined)?.stack ?? String(error))}\n`) // a defect of ours shows where it is
    return toExitCode(error)
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    terminal.out(overview())
    return exitCodes.ok
  }
  if (!Object.hasOwn(commands, name)) {
    throw new UsageError(
      `There is no command "${name}".${didYouMean(name, Object.keys(commands))} See penstock --help.`,
    )
  }
  const command: Command = commands[name as keyof typeof commands] // Object.hasOwn has just said so
  const { values, positionals } = parseCommand(name, command, rest)
  if (values.help === true) {
    terminal.out(toHelp(name, command))
    return exitCodes.ok
  }
  return await command.run(values, positionals, terminal)
}

function overview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`)
  return [
    'Penstock: an API gateway and an analytics pump',
    '',
    'Commands:',
    ...rows,
    '',
    'penstock COMMAND --help says more about one.',
    '',
  ].join('\n')
}

/** What the operator can do something about: told in a sentence, and how the process ends. Anything else is a defect. */
const tellable = [
  [ConfigError, exitCodes.config],
  [UsageError, exitCodes.usage],
  [ValueError, exitCodes.value],
  [BackendError, exitCodes.backend],
  [BufferUnavailableError, exitCodes.backend],
  [LogResetError, exitCodes.backend],
  [RetryableError, exitCodes.backend],
  [HaltError, exitCodes.backend],
] as const

function isForOperator(error: unknown): error is Error {
  return tellable.some(([kind]) => error instanceof kind)
}

function toExitCode(error: unknown): number {
  return tellable.find(([kind]) => error instanceof kind)?.[1] ?? exitCodes.error
}

/** A terminal's Ctrl-C may reach us twice at once, from the terminal and from npm; a person's second one comes later. */
const impatientAfterMs = 1000

/** Aborts at the first SIGINT or SIGTERM; a later second one ends the process at once. */
function interruption(): AbortSignal {
  const interrupted = new AbortController()
  let firstAtMs = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted && Date.now() - firstAtMs > impatientAfterMs) process.exit(130)
      if (interrupted.signal.aborted) return
      firstAtMs = Date.now()
      interrupted.abort(new Error(`Interrupted by ${signal}.`))
    })
  }
  return interrupted.signal
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  const terminal: Terminal = {
    out: (text) => process.stdout.write(text),
    isTty: process.stdout.isTTY === true,
    get columns() {
      return process.stdout.columns || 80 // a window changes its size; a serial console or `docker exec` may say 0
    },
    get rows() {
      return process.stdout.rows || undefined
    },
    env: process.env,
    interrupted: interruption(),
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok) // `penstock usage | head` has read enough
    throw error
  })
  process.exitCode = await main(process.argv.slice(2), terminal, (text) => process.stderr.write(text))
}
