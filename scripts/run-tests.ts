import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { sharedServers } from '../test/services/shared-servers.ts'
import { type TestFile, uses } from './test-files.ts'

export interface RunOptions {
  /** Of one file: it is ended and has failed. */
  readonly fileTimeoutMs: number
  readonly signal: AbortSignal
  /** Only tests with one of these in their name; all where it is not given. */
  readonly names?: readonly string[]
  /** Told of every test and suite when it has ended. */
  readonly onEnd?: (test: EndedTest) => void
}

export interface EndedTest {
  /** Absolute path of the test file that ran it. */
  readonly path: string
  readonly name: string
  readonly outcome: 'passed' | 'failed'
}

/** Runs test files beside each other, with the shared servers that they use. Skipped and todo tests count as failed. */
export async function runTests(chosen: readonly TestFile[], options: RunOptions) {
  await using opened = new AsyncDisposableStack()
  const scratch = await mkdtemp(join(tmpdir(), 'penstock-test-'))
  opened.defer(() => rm(scratch, { recursive: true, force: true, maxRetries: 3 })) // also what killed tests left there
  process.env.TMPDIR = scratch
  const env = { ...process.env, ...(await startShared(chosen, opened)) }
  const events = run({
    files: chosen.map(({ path }) => path),
    concurrency: Math.min(4, Math.max(2, availableParallelism())), // tests wait for servers more than they compute; each may start its own
    randomize: true,
    timeout: options.fileTimeoutMs,
    signal: options.signal,
    env,
    ...(options.names ? { testNamePatterns: options.names.map((name) => new RegExp(RegExp.escape(name))) } : {}),
  })
  return await report(events, options)
}

/** Starts the servers that some file uses and nobody has provided; gives their addresses as environment variables. */
async function startShared(chosen: readonly TestFile[], opened: AsyncDisposableStack): Promise<Record<string, string>> {
  const addresses: Record<string, string> = {}
  for (const [name, { variable, open }] of Object.entries(sharedServers)) {
    if (process.env[variable] || !chosen.some((file) => uses(file, `${name}Url`))) continue
    addresses[variable] = opened.use(await open()).url // one after the other: a first run builds them, and builds are heavy
  }
  return addresses
}

async function report(
  events: ReturnType<typeof run>,
  { onEnd }: RunOptions,
): Promise<{ passed: number; failed: number }> {
  const result = { passed: 0, failed: 0 }
  events.on('test:pass', (event) => onEnd?.(toEnded(event, event.skip || event.todo ? 'failed' : 'passed')))
  events.on('test:fail', (event) => onEnd?.(toEnded(event, 'failed')))
  events.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return // a file's own; the last one is the sum
    result.passed = counts.passed
    result.failed = counts.tests - counts.passed
  })
  for await (const text of events.compose(new spec()) as Readable) process.stdout.write(text)
  return result
}

interface EndEvent {
  readonly name: string
  readonly file?: string
}

/** `file` is where a test is written, and `entryFile`, which the types do not know, the one that was run. */
function toEnded(event: EndEvent, outcome: EndedTest['outcome']): EndedTest {
  const { entryFile = event.file ?? '' } = event as EndEvent & { readonly entryFile?: string }
  return { path: entryFile, name: event.name, outcome }
}
