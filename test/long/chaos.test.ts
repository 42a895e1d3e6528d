import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferTypes, toOptions } from '../chaos/options.ts'
import { toReport } from '../chaos/report.ts'
import { runChaos } from '../chaos/run.ts'

for (const buffer of bufferTypes) {
  test(`three minutes of random faults over ${buffer}: every sink holds every record once`, async (t) => {
    const options = toOptions({ minutes: '3', buffer })
    t.diagnostic(`seed ${options.seed}`)
    const lines: string[] = []
    const result = await runChaos(options, (line) => lines.push(line)).catch((error: unknown) => {
      console.error(lines.join('\n'))
      throw error
    })
    t.diagnostic(toReport(options, result))
    assert.deepEqual(result.problems, [], lines.join('\n'))
  })
}
