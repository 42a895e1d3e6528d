/*
  node scripts/test.ts [unit|long] [part of a path …]

  Runs the tests and ends with a line like "123 passed, 0 failed". Skipped and todo tests count as failed: what cannot run
  here must say so by failing.
*/
import { runTests } from './run-tests.ts'
import { type Suite, testFiles } from './test-files.ts'

/** The long ones take minutes each. */
const fileTimeoutMs = { all: 300_000, unit: 60_000, long: 3_600_000 } satisfies Record<Suite, number>

const [first = '', ...others] = process.argv.slice(2)
const suite: Suite = first === 'unit' || first === 'long' ? first : 'all'
const parts = suite === 'all' ? process.argv.slice(2) : others
const files = testFiles(suite).filter(({ path }) => parts.length === 0 || parts.some((part) => path.includes(part)))
if (files.length === 0) throw new Error(`There is no test file for "${process.argv.slice(2).join(' ')}".`)

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())

const { passed, failed } = await runTests(files, {
  fileTimeoutMs: fileTimeoutMs[suite],
  signal: interrupted.signal,
})
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 || interrupted.signal.aborted ? 1 : 0
