import type { Buffer } from '../../buffer/buffer.ts'
import { openBuffer } from '../../cli/roles/buffer.ts'
import { openPumpRole, openSinks } from '../../cli/roles/pump.ts'
import { loadConfig } from '../../config/config.ts'
import { openLog } from '../../runtime/log.ts'
import { wait } from '../../runtime/wait.ts'

/** What one drain cost; printed as JSON on standard output. */
export interface Drained {
  readonly seconds: number
  readonly cpuSeconds: number
  /** Largest resident set of the whole life of the process, bytes. */
  readonly peakBytes: number
}

/** Drains the backlog of a configuration's local buffer into its sinks, in this process and nothing else. */
async function drain(file: string): Promise<Drained> {
  const config = loadConfig(file)
  const log = openLog({ level: 'warn' })
  await using opened = new AsyncDisposableStack()
  const sinks = await openSinks(config, log, opened)
  const startedAt = performance.now()
  const before = process.cpuUsage()
  await openPumpRole(config, sinks, log, opened)
  const buffer = opened.use(await openBuffer(config, log))
  while (!(await isDrained(buffer, sinks.length))) await wait(100)
  const { user, system } = process.cpuUsage(before)
  return {
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }
}

async function isDrained(buffer: Buffer, sinks: number): Promise<boolean> {
  const ledgers = (await buffer.inspect()).flatMap((report) => report.ledgers)
  return ledgers.length === sinks && ledgers.every(({ backlog }) => backlog === 0)
}

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('drain.ts takes a configuration file.')
process.stdout.write(`${JSON.stringify(await drain(file))}\n`)
