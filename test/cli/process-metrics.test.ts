import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { registerProcessMetrics } from '../../cli/roles/process-metrics.ts'
import { processMetrics } from '../../metrics/process.ts'
import { expose } from '../../runtime/exposition.ts'
import { samples, total } from '../sinks/exposition.ts'

async function page(registry: Registry): Promise<string> {
  return (await Array.fromAsync(expose('text', registry))).join('')
}

test('a process says which version it is and what it takes', async () => {
  const registry = new Registry()
  registerProcessMetrics('pump', registry)
  const shown = await page(registry)
  const packageFile = join(import.meta.dirname, '../../package.json')
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string } // npm asks for it
  assert.equal(total(shown, 'penstock_build_info', { version, role: 'pump' }), 1)
  assert.ok(total(shown, 'process_start_time_seconds') <= Date.now() / 1000)
  assert.ok(total(shown, 'process_resident_memory_bytes') > 1024 * 1024)
  for (const { name } of Object.values(processMetrics))
    assert.equal(samples(shown).filter((one) => one.name === name).length, 1, name)
})

test('CPU time and the loop’s time at work only grow', async () => {
  const registry = new Registry()
  registerProcessMetrics('gateway', registry)
  const before = await page(registry)
  const after = await page(registry)
  for (const name of ['process_cpu_seconds_total', 'penstock_event_loop_active_seconds_total'])
    assert.ok(total(after, name) >= total(before, name), name)
})
