import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { toTable } from '../../cli/table.ts'
import type { ChaosOptions } from './options.ts'
import type { ChaosResult } from './run.ts'

const number = new Intl.NumberFormat('en-US')

/** What a run found, for people. The last line is the verdict. */
export function toReport({ recordsPerSecond, minutes }: ChaosOptions, result: ChaosResult): string {
  const { verdict, faults, leftOut, resumedMs, drainedMs, backlog, freshMs, pumpPeakMb, pumpFamilyPeakMb, problems } =
    result
  const columns = ['sink', 'held', 'lost', 'doubled', 'dead letters'].map((title, i) => ({
    title,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }))
  const rows = Object.entries(verdict.sinks).map(([sink, { held, lost, doubled, deadLettered }]) => [
    sink,
    ...[held, lost, doubled, deadLettered].map((count) => number.format(count)),
  ])
  const slowest = Math.max(0, ...Object.values(resumedMs))
  return [
    '',
    `faults    ${Object.entries(faults)
      .map(([kind, times]) => `${times} × ${kind}`)
      .join(', ')}`,
    ...leftOut.map((line) => `left out  ${line}`),
    `records   ${number.format(verdict.accepted)} durable of ${number.format(verdict.made)} made in ${minutes} minutes (${number.format(result.recordsPerSecond)}/s, ${number.format(recordsPerSecond)}/s wanted); ${number.format(verdict.refused)} refused and counted, ${verdict.poison} poison`,
    `recovery  every sink settled again within ${slowest} ms; ${number.format(backlog.records)} records were left and took ${drainedMs} ms (${number.format(backlog.perSecond)}/s); then a fresh record took ${freshMs} ms`,
    `memory    ${pumpPeakMb} MB, the most that a pump held; ${pumpFamilyPeakMb} MB with the processes that it tried blocks in`,
    '',
    toTable(columns, rows),
    ...problems.map((problem) => `problem   ${problem}`),
    `lost ${verdict.lost}, doubled ${verdict.doubled}`,
  ].join('\n')
}

/** Keeps what the docs say of a run: what it was, on what, and what it found. */
export function save(name: string, command: string, result: object): void {
  const folder = join(import.meta.dirname, '../../docs/guarantees')
  mkdirSync(folder, { recursive: true })
  const facts = { command, node: process.version, cpus: cpus().length, ...result }
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`)
}
