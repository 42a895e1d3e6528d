import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { didYouMean } from '../runtime/suggest.ts'

/** An option of a command. */
export interface CommandOption {
  readonly type: 'string' | 'boolean'
  readonly doc: string
  /** How the value is called in the help, such as FILE. */
  readonly value?: string
  readonly default?: string | boolean
  readonly short?: string
}

export type OptionValues = Readonly<Record<string, string | boolean | undefined>>

/** Where a command reads and writes, and what tells it to stop. */
export interface Terminal {
  readonly out: (text: string) => void
  /** A person looks at it: tables and colours; otherwise lines for programs. */
  readonly isTty: boolean
  readonly columns: number
  /** Lines of the screen; undefined where nobody looks. */
  readonly rows?: number | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal
}

export interface Command {
  readonly summary: string
  /** What stands behind the command's name, such as `FILE`. */
  readonly usage: string
  readonly options: Readonly<Record<string, CommandOption>>
  /** Words that it takes beside options, at most; none where it is absent. A word too many is refused, never passed over. */
  readonly operands?: number
  readonly examples?: readonly string[]
  /** Resolves to the exit code. */
  run(values: OptionValues, positionals: readonly string[], terminal: Terminal): Promise<number>
}

/** 0 ok, 1 error, 2 wrong usage, 4 a wrong value, 5 the backend does not answer, 78 a wrong configuration (sysexits). */
export const exitCodes = { ok: 0, error: 1, usage: 2, value: 4, backend: 5, config: 78 } as const

/** The command was called wrongly; the message says how to call it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What was given holds wrong values; the message names each of them. */
export class ValueError extends Error {
  override readonly name = 'ValueError'
}

/** What was asked cannot be answered because a server does not: not running, or out of reach. */
export class BackendError extends Error {
  override readonly name = 'BackendError'
}

/** Parses a command's arguments; throws UsageError for what it does not know. */
export function parseCommand(name: string, command: Command, args: readonly string[]) {
  const options: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } }
  for (const [key, { type, short, default: preset }] of Object.entries(command.options)) {
    options[key] = { type, ...(short ? { short } : {}), ...(preset === undefined ? {} : { default: preset }) }
  }
  for (const arg of args) {
    const long = /^--(?:no-)?([^=]+)/.exec(arg)?.[1]
    if (long && !(long in options)) {
      throw new UsageError(
        `penstock ${name} has no option --${long}.${didYouMean(long, Object.keys(options))} See penstock ${name} --help.`,
      )
    }
  }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    const tooMany = values.help === true ? undefined : positionals[command.operands ?? 0]
    if (tooMany !== undefined) throw new UsageError(unexpected(name, command, tooMany))
    return { values: values as OptionValues, positionals } // no option is declared as multiple
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${toSentence(error)} See penstock ${name} --help.`, { cause: error })
  }
}

function unexpected(name: string, { operands, usage }: Command, word: string): string {
  if (!operands) return `penstock ${name} takes options only, not "${word}". See penstock ${name} --help.`
  return `"${word}" is a word too many: penstock ${name} ${usage}`
}

/** What parseArgs found wrong; it takes several lines to say that a value may not begin with a dash. */
function toSentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const option = /^Option '.*?(--[^' ]+).*' argument is ambiguous/.exec(message)?.[1]
  return option ? `${option} lacks its value; one that begins with a dash is written ${option}=-1.` : message
}

/** A command's help page. */
export function toHelp(name: string, { summary, usage, options, examples = [] }: Command): string {
  const rows = Object.entries(options).map(([key, { short, value, doc, default: preset }]) => ({
    left: `  ${short ? `-${short}, ` : ''}--${key}${value ? ` ${value}` : ''}`,
    right: preset === undefined || preset === false ? doc : `${doc} (default ${preset})`,
  }))
  const width = Math.max(...rows.map(({ left }) => left.length), 0) + 2
  return [
    summary,
    '',
    `Usage: penstock ${name}${usage ? ` ${usage}` : ''}`,
    ...(rows.length > 0 ? ['', 'Options:', ...rows.map(({ left, right }) => `${left.padEnd(width)}${right}`)] : []),
    ...(examples.length > 0 ? ['', 'Examples:', ...examples.map((example) => `  ${example}`)] : []),
    '',
  ].join('\n')
}

/** A string option that was given, or undefined. */
export function textOf(values: OptionValues, key: string): string | undefined {
  const value = values[key]
  return typeof value === 'string' ? value : undefined
}
