import { basename } from 'node:path'
import type { BufferDefinition } from '../../buffer/define.ts'
import { buffers } from '../../buffer/index.ts'
import { diagnoseSqlite } from '../../buffer/sqlite/diagnose.ts'
import type { Config } from '../../config/config.ts'
import { examineFolder } from '../../runtime/examine-folder.ts'
import { type Finding, failure, fault } from '../../runtime/finding.ts'
import { noLog } from '../../runtime/log.ts'
import { orAborted } from '../../runtime/wait.ts'
import { keysFile, spoolFolder } from '../files.ts'
import { openBuffer } from '../roles/buffer.ts'
import { definitionOf } from '../sink-definition.ts'
import { examineListeners } from './listeners.ts'
import { examineReports } from './log.ts'
import { examineMachine } from './machine.ts'
import { examineGateway, examinePump } from './running.ts'

/** One part of the whole, and what was found out about it. */
export interface Examination {
  /** What was examined, for a headline. */
  readonly subject: string
  readonly findings: Promise<readonly Finding[]>
}

/** 5 s for each part: what does not answer by then is not well. */
const withinMs = 5000
/** 16 MiB: thousands of keys and consumers. */
const keysBytes = 16 * 1024 * 1024

/** Begins to examine all that the configuration names, side by side, in the order in which a person should read it. */
export function examineAll(config: Config, interrupted: AbortSignal): readonly Examination[] {
  const { dataDir, roles } = config
  const begin = (subject: string, examine: (signal: AbortSignal) => Promise<readonly Finding[]>): Examination => ({
    subject,
    findings: inTime(examine, interrupted),
  })
  const all = [begin('machine', async () => examineMachine()), begin('data folder', () => examineDataFolder(dataDir))]
  all.push(begin('ports', (signal) => examineListeners(config, signal)))
  if (roles.includes('gateway')) {
    all.push(begin('gateway', (signal) => examineGateway(config, signal)))
    if (config.buffer.type !== 'sqlite') all.push(begin('spool', () => examineSpool(config)))
  }
  if (roles.includes('pump')) all.push(begin('pump', (signal) => examinePump(config, signal)))
  if (!roles.includes('gateway') && !roles.includes('pump')) return all
  all.push(...examineBuffer(config, interrupted))
  if (!roles.includes('pump')) return all
  for (const [name, sink] of Object.entries(config.sinks)) {
    const { definition, options } = definitionOf(sink)
    const { diagnose } = definition
    const subject = name === sink.type ? `sink ${name}` : `sink ${name} (${sink.type})`
    if (diagnose) all.push(begin(subject, (signal) => diagnose(options, { name, log: noLog, dataDir }, signal)))
  }
  return all
}

/** What does not end in time, or fails, is a finding too. Rejects only when the whole was interrupted, which whoever awaits the first part hears. */
function inTime(
  examine: (signal: AbortSignal) => Promise<readonly Finding[]>,
  interrupted: AbortSignal,
): Promise<readonly Finding[]> {
  const findings = limited(examine, interrupted)
  findings.catch(() => {})
  return findings
}

async function limited(
  examine: (signal: AbortSignal) => Promise<readonly Finding[]>,
  interrupted: AbortSignal,
): Promise<readonly Finding[]> {
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(withinMs)])
  try {
    return await orAborted(examine(signal), signal)
  } catch (error) {
    interrupted.throwIfAborted()
    if (signal.aborted)
      return [
        fault('answer', `None came within ${withinMs / 1000} s.`, 'See whether the server and the way to it are up.'),
      ]
    return [failure('examination', error, 'Nobody foresaw this: see what it says, and report it.')]
  }
}

function examineDataFolder(dataDir: string): Promise<readonly Finding[]> {
  const file = basename(keysFile(dataDir))
  return examineFolder(dataDir, {
    files: ['', '-wal', '-shm'].map((ending) => file + ending),
    growthBytes: keysBytes,
    holds: 'database',
  })
}

async function examineSpool({ dataDir, gateway }: Config): Promise<readonly Finding[]> {
  const limits = { maxBytes: gateway.spoolBytes, limit: 'gateway.spoolBytes' }
  return (await diagnoseSqlite({ dir: spoolFolder(dataDir), ...limits })).findings
}

/** The buffer's place; and where that says that there is a log, what is in it. */
function examineBuffer(config: Config, interrupted: AbortSignal): Examination[] {
  const { type, ...options } = config.buffer
  const definition: BufferDefinition = buffers[type as keyof typeof buffers] // the config's schema admits only these
  let isOpenable = false
  const place = inTime(async (signal) => {
    const diagnosis = await definition.diagnose(options, { dataDir: config.dataDir, log: noLog }, signal)
    isOpenable = diagnosis.isOpenable
    return diagnosis.findings
  }, interrupted)
  const content = async () => {
    await place
    if (!isOpenable) return [] // what is said of the place says why
    return await inTime(() => examineLog(config), interrupted)
  }
  const examinations: Examination[] = [{ subject: `buffer ${type}`, findings: place }]
  if (!config.roles.includes('pump')) return examinations
  const findings = content()
  findings.catch(() => {}) // as above
  return [...examinations, { subject: 'log', findings }]
}

async function examineLog(config: Config): Promise<readonly Finding[]> {
  try {
    await using buffer = await openBuffer(config, noLog)
    return examineReports(await buffer.inspect(), Object.keys(config.sinks))
  } catch (error) {
    return [failure('log', error, 'See what it says; penstock buffer verify reads every frame.')]
  }
}
