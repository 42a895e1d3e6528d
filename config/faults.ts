import { isAlias, isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type * as z from 'zod'
import { ConfigError } from '../runtime/check.ts'
import { didYouMean } from '../runtime/suggest.ts'
import type { Fault, Source } from './source.ts'

type Path = readonly (string | number)[]

/** Everything that is wrong with a configuration, in one message: file, line, path, and what was probably meant. */
export function toConfigError({ file, text }: Pick<Source, 'file' | 'text'>, faults: readonly Fault[]): ConfigError {
  const locate = locator(text)
  const lines = faults
    .map((fault) => ({ ...fault, ...locate(fault.path) }))
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(
      ({ path, message, line, column }) =>
        `${file}:${line}:${column}: ${path.length > 0 ? `${toText(path)}: ` : ''}${message}`,
    )
  return new ConfigError(lines.join('\n'))
}

/** What the schema says against a value, one fault each; `jsonSchema` knows which keys there are where one was misspelt. */
export function toFaults(error: z.ZodError, jsonSchema: JsonSchema, value: unknown): Fault[] {
  return error.issues.flatMap((issue): Fault[] => {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
    if (issue.code !== 'unrecognized_keys') return [{ path, message: lowerFirst(issue.message) }]
    const candidates = keysAt(jsonSchema, path, value)
    return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key.${didYouMean(key, candidates)}` }))
  })
}

/** The parts of a JSON Schema that are looked at here. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly const?: unknown
}

/** Keys that may stand in the object at `path`; of several forms those whose fixed values fit what the file says. */
function keysAt(schema: JsonSchema, path: Path, value: unknown): string[] {
  const forms = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  if (forms.length > 0) return forms.filter((form) => fits(form, value)).flatMap((form) => keysAt(form, path, value))
  const [key, ...rest] = path
  if (key === undefined) return Object.keys(schema.properties ?? {})
  const inner = typeof key === 'number' ? schema.items : (schema.properties?.[key] ?? schema.additionalProperties)
  const innerValue =
    value !== null && typeof value === 'object' ? (value as Record<string | number, unknown>)[key] : undefined // any object may be indexed
  return typeof inner === 'object' ? keysAt(inner, rest, innerValue) : []
}

function fits(form: JsonSchema, value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true
  const given = value as Record<string, unknown> // any object may be indexed
  return Object.entries(form.properties ?? {}).every(
    ([key, { const: fixed }]) => fixed === undefined || given[key] === fixed,
  )
}

/** Where a path stands in the text; its nearest existing parent where it does not. */
function locator(text: string): (path: Path) => { line: number; column: number } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  return (path) => {
    let offset = 0
    let node: Node | null = document.contents
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document) ?? null
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => String(key) === String(part))
        if (!pair) break
        const key = pair.key as Node // a parsed document's keys are nodes
        offset = key.range?.[0] ?? offset
        node = pair.value as Node | null // as are its values
      } else if (isSeq(node)) {
        node = (node.items[Number(part)] as Node | undefined) ?? null // as are its items
        offset = node?.range?.[0] ?? offset
      } else break
    }
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

function toText(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
