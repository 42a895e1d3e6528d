import { readFileSync } from 'node:fs'
import { loadAll, YAMLException } from 'js-yaml'
import { ConfigError } from '../runtime/check.ts'

/** A fault in a configuration, where it stands. */
export interface Fault {
  /** Keys and indexes that lead to it from the top. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** A configuration as its file says, with variables and secrets put in. */
export interface Source {
  readonly file: string
  readonly text: string
  readonly value: unknown
  /** Values that came from a variable alone and look like a number or a truth value: where they stand, and their text. */
  readonly guessed: readonly { readonly path: Fault['path']; readonly text: string }[]
  /** Variables and secret files that could not be had. */
  readonly faults: readonly Fault[]
}

export interface SourceOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly readFile?: (path: string) => string
}

/** Reads a YAML or JSON file and puts in `${NAME}`, `${NAME:-default}` and `${file:/run/secrets/name}`; `$${` stands for a literal `${`. */
export function readSource(file: string, options: SourceOptions = {}): Source {
  const readFile = options.readFile ?? ((path: string) => readFileSync(path, 'utf8'))
  const text = readText(file, readFile)
  const filling: Filling = { env: options.env ?? process.env, readFile, faults: [], guessed: [] }
  const value = fill(parse(text, file), [], filling)
  const { faults, guessed } = filling
  return { file, text, value, guessed, faults }
}

function readText(file: string, readFile: (path: string) => string): string {
  try {
    return readFile(file)
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read (${reasonOf(error)}). Name an existing file with --config.`, {
      cause: error,
    })
  }
}

function parse(text: string, file: string): unknown {
  try {
    if (file.endsWith('.json')) return JSON.parse(text)
    const documents = loadAll(text)
    if (documents.length > 1) throw new Error('there are several documents, where one is wanted')
    return documents[0] ?? {}
  } catch (error) {
    const where = error instanceof YAMLException && error.mark ? `:${error.mark.line + 1}:${error.mark.column + 1}` : ''
    const what = error instanceof YAMLException ? error.reason : reasonOf(error)
    throw new ConfigError(`${file}${where}: not valid ${file.endsWith('.json') ? 'JSON' : 'YAML'}: ${what}`, {
      cause: error,
    })
  }
}

interface Filling {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: (path: string) => string
  readonly faults: Fault[]
  readonly guessed: { path: Fault['path']; text: string }[]
}

/**
 * Strings with `${…}` filled in; a string that is one variable alone becomes the number or truth value that it spells, as a
 * guess. What has none is returned as it is, not as a copy: files of a million lines have few.
 */
function fill(value: unknown, path: (string | number)[], filling: Filling): unknown {
  if (typeof value === 'string') return value.includes('${') ? fillText(value, [...path], filling) : value
  if (value === null || typeof value !== 'object') return value
  const changed: [string | number, unknown][] = []
  const visit = (key: string | number, item: unknown): void => {
    path.push(key)
    const filled = fill(item, path, filling)
    path.pop()
    if (filled !== item) changed.push([key, filled])
  }
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value)
  for (const [key, item] of entries) visit(key, item)
  if (changed.length === 0) return value
  return Object.assign(Array.isArray(value) ? [...value] : { ...value }, Object.fromEntries(changed))
}

const variable = /\$\$\{|\$\{(?:file:(?<file>[^}]+)|(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^}]*))?)\}/g

function fillText(text: string, path: (string | number)[], { env, readFile, faults, guessed }: Filling): unknown {
  const filled = text.replaceAll(variable, (whole, file?: string, name?: string, fallback?: string) => {
    if (whole === '$${') return '${'
    if (file !== undefined) {
      try {
        return readFile(file).trimEnd()
      } catch (error) {
        faults.push({ path, message: `the secret file ${file} cannot be read (${reasonOf(error)})` })
        return ''
      }
    }
    const found = (name === undefined ? undefined : env[name]) ?? fallback
    if (found === undefined)
      faults.push({
        path,
        message: `the environment variable ${name} is not set; set it, or give a default: \${${name}:-…}`,
      })
    return found ?? ''
  })
  const alone = text.startsWith('${') && text.indexOf('}') === text.length - 1 && !text.startsWith('${file:')
  if (!alone || !/^(?:0|[1-9]\d{0,14}|true|false)$/.test(filled)) return filled
  guessed.push({ path, text: filled })
  return JSON.parse(filled)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
