import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import type { RemoteOptions } from '../../buffer/spool-protocol.ts'

/** Starts a process that records, and kills it once it says that more than `records` are durable. Resolves to how many it had said. */
export async function recordAndKill(
  t: TestContext,
  dir: string,
  records: number,
  remote?: RemoteOptions,
): Promise<number> {
  const program = new URL('./recording-child.ts', import.meta.url).pathname
  const args = [program, dir, ...(remote ? [JSON.stringify(remote)] : [])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let acknowledged = 0
  for await (const line of createInterface(child.stdout)) {
    acknowledged = Number(line)
    if (acknowledged > records) child.kill('SIGKILL')
  }
  if (child.signalCode === null) await once(child, 'exit')
  return acknowledged
}
