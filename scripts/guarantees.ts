/*
  node scripts/guarantees.ts [words of an event …]

  Runs the tests that show what we guarantee, all or those of some events, and writes how they went to
  docs/guarantees/results.json, and from it docs/guarantees.md.
*/
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { guarantees } from '../test/guarantees.ts'
import { faultsOf, keyOf, type Results, readResults, writeResults } from './guarantee-results.ts'
import { runTests } from './run-tests.ts'
import { testFiles } from './test-files.ts'

const words = process.argv.slice(2)
const wanted = guarantees.filter(({ event }) => words.length === 0 || words.some((word) => event.includes(word)))
if (wanted.length === 0) throw new Error(`No event has "${words.join('", "')}" in its name.`)

const proofs = wanted.flatMap((guarantee) => guarantee.proofs)
const paths = new Set(proofs.flatMap(({ files }) => files.map((file) => resolve(file))))
const counts = new Map(
  proofs.flatMap((proof) => proof.files.map((file) => [keyOf(proof, file), { passed: 0, failed: 0 }])),
)

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())
const chosen = [...testFiles('all'), ...testFiles('long')].filter(({ path }) => paths.has(path))
await runTests(chosen, {
  fileTimeoutMs: 600_000,
  signal: interrupted.signal,
  names: [...new Set(proofs.map(({ test }) => test))],
  onEnd({ path, name, outcome }) {
    for (const proof of proofs) {
      const file = proof.files.find((one) => resolve(one) === path)
      const count = file !== undefined && name.includes(proof.test) ? counts.get(keyOf(proof, file)) : undefined
      if (count) count[outcome]++
    }
  },
})

const before: Results = words.length === 0 ? {} : readResults()
const results = { ...before, ...Object.fromEntries(counts) }
writeResults(results)
const faults = wanted.flatMap((guarantee) => faultsOf(guarantee, results))
for (const fault of faults) console.log(fault)
execFileSync(process.execPath, ['scripts/generate.ts'], { stdio: 'inherit' })
console.log(`${wanted.length} guarantees, ${faults.length} proofs missing or failed`)
process.exitCode = faults.length > 0 ? 1 : 0
