import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { alertsCommand } from '../../cli/alerts.ts'
import { parseCommand, UsageError } from '../../cli/command.ts'
import { ConfigError } from '../../runtime/check.ts'
import { scratchFolder } from '../scratch.ts'

/** Runs the command on a configuration with this section; gives what it printed and its folder. */
async function run(t: TestContext, alerts: object, ...args: readonly string[]) {
  const folder = await scratchFolder(t)
  const config = join(folder, 'penstock.json')
  const apis = [{ name: 'orders', upstream: 'http://127.0.0.1:1' }]
  writeFileSync(config, JSON.stringify({ gateway: { apis }, alerts }))
  let printed = ''
  const out = (text: string) => {
    printed += text
  }
  const terminal = { out, isTty: false, columns: 80, env: {} }
  const { values, positionals } = parseCommand('alerts', alertsCommand, [...args, '--config', config])
  await alertsCommand.run(values, positionals, { ...terminal, interrupted: new AbortController().signal })
  return { folder, printed }
}

test('objectives and bounds of the configuration are in the rules', async (t) => {
  const apis = { orders: { availability: 99.5, latencySeconds: 0.3, requestsPerSecond: 7 } }
  const { printed } = await run(t, { slo: { windowDays: 28 }, apis }, 'generate')
  assert.match(printed, /\{api=~"orders"\} \* 0\) \+ 0\.005/)
  assert.match(printed, /\{api=~"orders"\} \* 0\) \+ 7$/m)
  assert.match(printed, /0\.000933333333333/, 'the pace of 0.001 over 28 of 30 days')
  assert.match(printed, /bound: "0\.3"/)
})

test('files are written into the folder, and named', async (t) => {
  const out = join(await scratchFolder(t), 'rules')
  const { printed } = await run(t, {}, 'generate', '--out', out)
  assert.deepEqual(readdirSync(out).sort(), ['penstock-alerts.yml', 'penstock-recording.yml'])
  assert.equal(printed, `${join(out, 'penstock-recording.yml')}\n${join(out, 'penstock-alerts.yml')}\n`)
  await run(t, {}, 'generate', '--format', 'grafana', '--datasource', 'mine', '--out', out)
  assert.match(readFileSync(join(out, 'penstock-alerting.yml'), 'utf8'), /datasourceUid: mine/)
})

test('a wrong call, an api that is not there and a latency that no bucket tells are said with what to do', async (t) => {
  await assert.rejects(run(t, {}), UsageError)
  await assert.rejects(run(t, {}, 'generate', '--format', 'grafna'), /Did you mean "?grafana/)
  await assert.rejects(run(t, { apis: { order: {} } }, 'generate'), /there is no API "order".*orders/s)
  const wrong = run(t, { slo: { latencySeconds: 0.7 } }, 'generate')
  await assert.rejects(wrong, ConfigError)
  await assert.rejects(wrong, /latencyObjectives/)
})
