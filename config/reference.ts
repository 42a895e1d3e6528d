import * as z from 'zod'
import { configType } from './config.ts'

/** The parts of a JSON Schema that are shown to people. */
export interface Shown {
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly secret?: boolean
  readonly properties?: Readonly<Record<string, Shown>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Shown | boolean
  readonly items?: Shown
  readonly oneOf?: readonly Shown[]
  readonly anyOf?: readonly Shown[]
  readonly $ref?: string
}

/** The configuration's schema, every part in its place. */
export function shownSchema(): Shown {
  return z.toJSONSchema(configType, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Shown // its own type is wider
}

/** JSON Schema for editors, as text. */
export function toSchemaFile(): string {
  return `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Penstock configuration', ...shownSchema() }, null, 2)}\n`
}

/** The reference page: every key with its type, default and meaning. */
export function toReferencePage(): string {
  const lines = [
    '# Configuration',
    '',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this explains the syntax
    'One YAML (or JSON) file. `${NAME}` and `${NAME:-default}` take environment variables, `${file:/run/secrets/name}` the content of a file; `$${` is a literal `${`.',
    '`penstock check FILE` names every fault at once, with its line.',
    'Put `# yaml-language-server: $schema=penstock.schema.json` into the first line for help in an editor.',
    '',
  ]
  section({ lines, known: new Map() }, shownSchema(), '', 2)
  return `${lines.join('\n').trimEnd()}\n`
}

interface Page {
  readonly lines: string[]
  /** Where a group of keys was listed first, by the keys: what stands in several places is listed once. */
  readonly known: Map<string, string>
}

function section(page: Page, shown: Shown, path: string, depth: number): void {
  const { lines, known } = page
  const later: [Shown, string][] = []
  const rows = Object.entries(shown.properties ?? {}).map(([key, value]) =>
    row(key, value, path, new Set(shown.required), later),
  )
  if (rows.length > 0) lines.push('| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows, '')
  for (const [inner, innerPath] of later) {
    const choices = inner.oneOf ?? inner.anyOf
    if (!choices) {
      const keys = JSON.stringify(inner.properties)
      const listed = known.get(keys)
      if (listed === innerPath) continue
      heading(lines, innerPath, inner.description, depth)
      if (listed) lines.push(`The same keys as \`${listed}\`.`, '')
      else section(page, inner, innerPath, depth + 1)
      known.set(keys, listed ?? innerPath)
      continue
    }
    heading(lines, innerPath, inner.description, depth)
    for (const choice of choices) {
      const type = choice.properties?.type?.const
      if (type === undefined) continue
      heading(lines, `${innerPath}, type: ${type}`, choice.description, depth + 1)
      section(page, choice, innerPath, depth + 2)
    }
  }
}

function heading(lines: string[], title: string, description: string | undefined, depth: number): void {
  lines.push(`${'#'.repeat(Math.min(depth, 5))} \`${title}\``, '')
  if (description) lines.push(`${description}.`, '')
}

function row(key: string, value: Shown, path: string, required: ReadonlySet<string>, later: [Shown, string][]): string {
  const here = path ? `${path}.${key}` : key
  const inner = innerOf(value, here)
  if (inner) later.push(inner)
  const preset =
    value.default === undefined || isObject(value.default)
      ? required.has(key)
        ? '**required**'
        : ''
      : `\`${JSON.stringify(value.default)}\``
  const meaning = (value.description ?? '').replaceAll('|', '\\|') + (value.secret ? ' (secret)' : '')
  return `| \`${key}\` | ${typeOf(value).replaceAll('|', '\\|')} | ${preset} | ${meaning} |`
}

/** What a key holds that has keys of its own, and how its place is written. */
function innerOf(value: Shown, here: string): [Shown, string] | undefined {
  if (hasKeys(value)) return [value, here]
  if (value.items && hasKeys(value.items))
    return [{ ...value.items, description: value.description ?? '' }, `${here}[]`]
  const named = value.additionalProperties
  if (typeof named === 'object' && hasKeys(named))
    return [{ ...named, description: value.description ?? '' }, `${here}.NAME`]
  return undefined
}

function hasKeys(value: Shown): boolean {
  return (
    value.properties !== undefined ||
    (value.oneOf ?? value.anyOf ?? []).some(({ properties }) => properties !== undefined)
  )
}

function isObject(value: unknown): boolean {
  return value !== null && typeof value === 'object' && Object.keys(value).length === 0
}

function typeOf(value: Shown): string {
  if (value.const !== undefined) return `\`${JSON.stringify(value.const)}\``
  if (value.enum) return value.enum.map((one) => `\`${JSON.stringify(one)}\``).join(' | ')
  const choices = value.oneOf ?? value.anyOf
  if (choices) return [...new Set(choices.map(typeOf))].join(' or ')
  if (value.items) return `list of ${typeOf(value.items)}`
  if (typeof value.additionalProperties === 'object') return `map of ${typeOf(value.additionalProperties)}`
  return Array.isArray(value.type) ? value.type.join(' or ') : String(value.type ?? 'any')
}
