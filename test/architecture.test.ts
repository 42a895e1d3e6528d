import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** Which folder may import from which: the table of docs/architecture.md. Imports point at contracts, never downstream. */
const mayImport: Record<string, readonly string[]> = {
  record: [],
  runtime: [],
  metrics: [],
  charts: [],
  keys: ['runtime'],
  buffer: ['record', 'metrics', 'runtime'],
  sinks: ['record', 'metrics', 'runtime'],
  sources: ['record', 'buffer', 'keys', 'metrics', 'runtime'],
  gateway: ['record', 'buffer', 'keys', 'metrics', 'runtime'],
  pump: ['record', 'buffer', 'sinks', 'metrics', 'runtime'],
  usage: ['record', 'keys', 'charts', 'sinks/store', 'sinks/clickhouse', 'runtime'],
  dashboards: ['metrics'],
  alerts: ['metrics'],
  console: ['charts', 'usage'],
  config: ['record', 'alerts', 'buffer', 'gateway', 'keys', 'pump', 'sinks', 'usage', 'console', 'runtime'],
  scripts: ['record', 'alerts', 'metrics', 'dashboards', 'config', 'sinks', 'cli', 'runtime', 'test'],
}

/** Files that are one list and would be no clearer in two. */
const reasonsToBeLong: Record<string, string> = {
  'test/guarantees.ts': 'every promise with its proofs: one list, read from top to bottom',
  'record/fields.ts': 'the declaration of every field: one list, read from top to bottom',
}

/** Folders that wire or check everything, and so may import anything. */
const unbounded = new Set(['cli', 'test', 'bench'])

const imports = /^(?:import|export)\s(?<what>[^'"]*?)from\s+'(?<from>\.[^']*)'|\bimport\('(?<dynamic>\.[^']*)'\)/gm

/** Every import of another file of ours: which file, and whether only its types. */
function importsOf(file: string): { target: string; typesOnly: boolean }[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(imports)].map(({ groups }) => {
    const specifier = groups?.from ?? groups?.dynamic ?? ''
    return {
      target: relative(root, join(root, dirname(file), specifier))
        .split(sep)
        .join('/'),
      typesOnly: groups?.what?.startsWith('type ') ?? false,
    }
  })
}

const folders = readdirSync(root, { withFileTypes: true })
  .filter(
    (entry) =>
      entry.isDirectory() &&
      globSync(`${entry.name}/**/*.ts`, { cwd: root, exclude: ['**/node_modules/**'] }).length > 0,
  )
  .map(({ name }) => name)
  .filter((name) => name !== 'node_modules' && !name.startsWith('.'))

test('every folder with code has its row in the table', () => {
  assert.deepEqual(
    folders.filter((folder) => !(folder in mayImport) && !unbounded.has(folder)),
    [],
  )
})

for (const folder of folders.filter((name) => name in mayImport)) {
  const allowed = [folder, ...(mayImport[folder] ?? [])]
  test(`${folder} imports only from ${allowed.join(', ')}`, () => {
    const files = globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ['**/node_modules/**'] })
    for (const file of files) {
      for (const { target, typesOnly } of importsOf(file)) {
        assert.ok(
          allowed.some((place) => target.startsWith(`${place}/`)),
          `${file} imports ${target}`,
        )
        if (folder === 'console' && target.startsWith('usage/'))
          assert.ok(typesOnly, `${file} imports more than types from ${target}`)
      }
    }
  })
}

test('no file of ours is longer than 300 lines without a reason', () => {
  const long = folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ['**/node_modules/**'] }))
    .filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 301 && !(file in reasonsToBeLong))
  assert.deepEqual(long, [])
})
