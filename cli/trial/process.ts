/** Entry of the process that tries one block: it may end over it, and then nobody is harmed. Started by `openTrial` alone. */
import { once } from 'node:events'
import { openShapes } from '../../pump/shape/shape.ts'
import { toOnlyLetter, toTrialBlock } from '../../pump/trial.ts'
import { type Log, openLog } from '../../runtime/log.ts'
import { sinks } from '../../sinks/index.ts'
import type { SinkDefinition, Written } from '../../sinks/sink.ts'
import { type Assignment, type Report, toFailure } from './protocol.ts'

/** Resolves once the parent can read it, whatever becomes of this process then. */
function report(message: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()))
  })
}

async function write({ type, name, options, hashKeys, dataDir, job }: Assignment): Promise<Written | undefined> {
  const definition: SinkDefinition = sinks[type as keyof typeof sinks] // the parent's config admits only these
  const log: Log = openLog({ level: 'error', bindings: { sink: name, trial: true } })
  await using sink = await definition.open(options as Record<string, unknown>, { name, dataDir, log }) // validated by the parent's config
  sink.acquired?.(job.shard, job.state)
  await report({ kind: 'opened' })
  const block = toTrialBlock(job, openShapes({}, hashKeys))
  const letter = toOnlyLetter(job, block)
  if (letter) await report({ kind: 'letter', letter })
  const written = await sink.write(block, new AbortController().signal)
  // Where a backend has it now, that must be known before anything else can go wrong.
  if (!definition.scratch) await report({ kind: 'stored', written })
  return written
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {}) // the pump ends this process when it stops
process.once('disconnect', () => process.exit()) // the pump is gone, however it died
const [assignment] = (await once(process, 'message')) as [Assignment] // the only message that the parent sends
try {
  const written = await write(assignment)
  await report({ kind: 'stored', written })
} catch (error) {
  await report({ kind: 'failed', failure: toFailure(error) })
}
process.exit()
