import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { toOptions } from './options.ts'
import { toReport } from './report.ts'
import { runChaos } from './run.ts'

/** Half a minute in all; `npm run chaos` does the same for as long as one likes. */
const minutes = '0.25'
/** Of a small gateway: everything else that a test run does shares the machine. */
const rate = '500'

async function assertSurvives(t: TestContext, seed: number): Promise<void> {
  const options = toOptions({ seed: `${seed}`, minutes, rate, buffer: 'sqlite' })
  const lines: string[] = []
  const result = await runChaos(options, (line) => lines.push(line)).catch((error: unknown) => {
    console.error([`seed ${seed}`, ...lines].join('\n'))
    throw error
  })
  t.diagnostic(`seed ${seed}: ${Object.keys(result.faults).join(', ')}`)
  assert.deepEqual(result.problems, [], [...lines, toReport(options, result)].join('\n'))
  assert.equal(result.verdict.lost + result.verdict.doubled, 0)
  assert.ok(result.verdict.accepted > 0)
}

test('under the faults of a known seed every sink holds every record once', async (t) => {
  await assertSurvives(t, 2)
})

test('under the faults of a new seed every sink holds every record once', async (t) => {
  await assertSurvives(t, Math.floor(Math.random() * 2 ** 31))
})
