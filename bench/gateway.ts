/**
 * What the gateway costs beside nginx and HAProxy, in one run with interleaved rounds: CPU per request, throughput,
 * latency at a fixed rate, a slow upstream, a spike. `npm run bench:gateway [-- --rounds N --soak-minutes N --only NAME]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openSqliteKeys } from '../keys/sqlite/store.ts'
import { writeRequests } from './gateway/load.ts'
import { type Claim, say } from './gateway/report.ts'
import { benchCost, benchLatency, benchSlowUpstream, benchSoak, benchSpike, type Setting } from './gateway/scenarios.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    'soak-minutes': { type: 'string' },
    only: { type: 'string' },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'penstock-bench-'))
try {
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`)
  const claims = await run(await prepare())
  say(claims)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function prepare(): Promise<Setting> {
  await using keys = openSqliteKeys({ file: join(folder, 'keys.sqlite') })
  const wanted = Array.from({ length: 10_000 }, (_, i) => ({ consumer: `consumer-${i % 1000}` }))
  const made = (await keys.createAll(wanted)).map(({ key }) => key)
  return {
    folder,
    keys: made,
    script: writeRequests(folder, made),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    soakMinutes: Number(values['soak-minutes'] ?? 0),
  }
}

async function run(setting: Setting): Promise<Claim[]> {
  const scenarios: Record<string, (setting: Setting) => Promise<Claim[]>> = {
    cost: benchCost,
    'slow-upstream': benchSlowUpstream,
    latency: benchLatency,
    spike: benchSpike,
    ...(setting.soakMinutes > 0 ? { soak: benchSoak } : {}),
  }
  const claims: Claim[] = []
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (values.only === undefined || values.only === name) claims.push(...(await scenario(setting)))
  }
  return claims
}
