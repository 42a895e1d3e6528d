/*
  node scripts/test.ts [unit|long] [part of a path …]

  Runs the tests and ends with a line like "123 passed, 0 failed". Skipped and todo tests count as failed: what cannot run
  here must say so by failing.
*/
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { sharedServers } from '../test/services/shared-servers.ts'
import { type Suite, type TestFile, testFiles, uses } from './test-files.ts'

/** Of one file: it is ended and has failed. The long ones take minutes each. */
const fileTimeoutMs = { all: 300_000, unit: 60_000, long: 3_600_000 } satisfies Record<Suite, number>

const [first = '', ...others] = process.argv.slice(2)
const suite: Suite = first === 'unit' || first === 'long' ? first : 'all'
const parts = suite === 'all' ? process.argv.slice(2) : others
const files = testFiles(suite).filter(({ path }) => parts.length === 0 || parts.some((part) => path.includes(part)))
if (files.length === 0) throw new Error(`There is no test file for "${process.argv.slice(2).join(' ')}".`)

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())

const { passed, failed } = await runFiles(files)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 || interrupted.signal.aborted ? 1 : 0

async function runFiles(chosen: readonly TestFile[]) {
  await using opened = new AsyncDisposableStack()
  const scratch = await mkdtemp(join(tmpdir(), 'penstock-test-'))
  opened.defer(() => rm(scratch, { recursive: true, force: true, maxRetries: 3 })) // also what killed tests left there
  process.env.TMPDIR = scratch
  const env = { ...process.env, ...(await startShared(chosen, opened)) }
  const events = run({
    files: chosen.map(({ path }) => path),
    concurrency: Math.min(4, Math.max(2, availableParallelism())), // tests wait for servers more than they compute; each may start its own
    randomize: true,
    timeout: fileTimeoutMs[suite],
    signal: interrupted.signal,
    env,
  })
  return await report(events)
}

/** Starts the servers that some file uses and nobody has provided; gives their addresses as environment variables. */
async function startShared(chosen: readonly TestFile[], opened: AsyncDisposableStack): Promise<Record<string, string>> {
  const addresses: Record<string, string> = {}
  for (const { variable, helper, open } of Object.values(sharedServers)) {
    if (process.env[variable] || !chosen.some((file) => uses(file, helper))) continue
    addresses[variable] = opened.use(await open()).url // one after the other: a first run builds them, and builds are heavy
  }
  return addresses
}

async function report(events: ReturnType<typeof run>): Promise<{ passed: number; failed: number }> {
  const result = { passed: 0, failed: 0 }
  events.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return // a file's own; the last one is the sum
    result.passed = counts.passed
    result.failed = counts.tests - counts.passed
  })
  for await (const text of events.compose(new spec()) as Readable) process.stdout.write(text)
  return result
}
