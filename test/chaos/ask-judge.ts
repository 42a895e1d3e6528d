import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Evidence, Verdict } from './judge.ts'
import type { ChaosSystem } from './system.ts'

/** Stops producers and pumps, which have nothing left to do, and has a process that has seen nothing of them look at what they left. */
export async function askJudge(system: ChaosSystem): Promise<Verdict> {
  const { folder, configFile, producers, pumps, places, sinks } = system
  const pages = sinks.includes('prometheus') ? await savePages(system) : undefined
  await Promise.all([...producers, ...pumps].map((one) => one.stop()))
  const lives = producers.flatMap((producer) =>
    producer.lives.map((one) => ({ ...one, logFolder: producer.logFolder })),
  )
  const evidence: Evidence = { configFile, lives, places, ...(pages ? { pages } : {}) }
  const file = join(folder, 'evidence.json')
  writeFileSync(file, JSON.stringify(evidence))
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'judge-child.ts'), file])
  return JSON.parse(stdout) as Verdict // what judge-child.ts prints
}

async function savePages({ pumps, folder }: ChaosSystem): Promise<readonly string[]> {
  const files: string[] = []
  for (const [i, { adminUrl }] of pumps.entries()) {
    const file = join(folder, `metrics-${i}`)
    writeFileSync(file, await (await fetch(`${adminUrl}/metrics`)).text())
    files.push(file)
  }
  return files
}
