import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export type Suite = 'all' | 'unit' | 'long'

const services = resolve('test/services')
const shared = join(services, 'shared.ts')
/** Whoever imports one of these, however indirectly, starts or installs a server. */
const servers = ['server.ts', 'provision.ts'].map((name) => join(services, name))

export interface TestFile {
  path: string
  /** Itself and all files of ours that it imports, also through others. */
  sources: readonly string[]
}

/** The test files of a suite: unit tests start and install no server; long ones are in test/long and run on demand. */
export function testFiles(suite: Suite): TestFile[] {
  const pattern = suite === 'long' ? 'test/long/**/*.test.ts' : 'test/**/*.test.ts'
  const exclude = suite === 'long' ? [] : ['test/long/**']
  const files = globSync(pattern, { exclude }).sort()
  const found = files.map((path) => ({ path: resolve(path), sources: [...reached(resolve(path))] }))
  return suite === 'unit' ? found.filter(({ sources }) => !servers.some((file) => sources.includes(file))) : found
}

/** Whether a file, or one that it imports, uses the name of a helper; the file that defines them is not looked at. */
export function uses({ sources }: TestFile, name: string): boolean {
  const word = new RegExp(`\\b${name}\\b`)
  return sources.some((file) => file !== shared && word.test(readFileSync(file, 'utf8')))
}

function reached(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file) || !existsSync(file)) return seen
  seen.add(file)
  for (const imported of importsOf(file)) reached(imported, seen)
  return seen
}

const importPattern = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+\.ts)['"]/g
const known = new Map<string, string[]>()

function importsOf(file: string): string[] {
  const imports =
    known.get(file) ??
    [...readFileSync(file, 'utf8').matchAll(importPattern)].map(([, path = '']) => join(dirname(file), path))
  known.set(file, imports)
  return imports
}
