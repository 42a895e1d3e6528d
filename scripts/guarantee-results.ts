import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Guarantee, guarantees, type Proof } from '../test/guarantees.ts'

const folder = join(import.meta.dirname, '../docs/guarantees')
const resultsFile = join(folder, 'results.json')

/** How the proofs of a run went: by file and words, how many tests passed and failed. */
export type Results = Readonly<Record<string, { readonly passed: number; readonly failed: number }>>

export function keyOf({ test }: Proof, file: string): string {
  return `${file}: ${test}`
}

export function readResults(): Results {
  return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results // as writeResults wrote it
}

export function writeResults(results: Results): void {
  const sorted = Object.entries(results).sort(([a], [b]) => (a < b ? -1 : 1))
  writeFileSync(resultsFile, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
}

/** Whether all that is to show a guarantee has passed; otherwise what is wrong, as sentences. */
export function faultsOf({ event, proofs }: Guarantee, results: Results): readonly string[] {
  return proofs.flatMap((proof) =>
    proof.files.flatMap((file) => {
      const result = results[keyOf(proof, file)]
      if (!result || result.passed + result.failed === 0) return [`${event}: "${proof.test}" of ${file} has not run.`]
      return result.failed > 0 ? [`${event}: "${proof.test}" of ${file} failed.`] : []
    }),
  )
}

export const allProofs: readonly Proof[] = guarantees.flatMap(({ proofs }) => proofs)

/** A run of `npm run chaos` or of one of its scenarios that was kept. */
export interface KeptRun {
  readonly name: string
  readonly facts: Readonly<Record<string, unknown>>
}

export function keptRuns(): readonly KeptRun[] {
  return globSync(join(folder, '*.json'))
    .filter((file) => file !== resultsFile)
    .sort()
    .map((file) => ({ name: basename(file, '.json'), facts: JSON.parse(readFileSync(file, 'utf8')) }))
}
