import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { amtool } from '../services/alertmanager.ts'
import { definitions } from './promtool.ts'

const file = join(import.meta.dirname, '../../deploy/alertmanager/alertmanager.yml')

interface Inhibition {
  readonly source_matchers: readonly string[]
  readonly target_matchers: readonly string[]
}

const { inhibit_rules: inhibitions } = parse(readFileSync(file, 'utf8')) as { inhibit_rules: Inhibition[] }

test('amtool finds nothing wrong with the example', async () => {
  assert.match(await amtool('check-config', file), /SUCCESS/)
})

test('alerts go where their severity and team say', async () => {
  const routes = {
    pager: ['severity=page'],
    'shop-pager': ['severity=page', 'team=shop'],
    tickets: ['severity=ticket', 'team=unknown'],
    'shop-tickets': ['severity=ticket', 'team=shop'],
  }
  for (const [receiver, labels] of Object.entries(routes)) {
    const found = await amtool(
      'config',
      'routes',
      'test',
      '--config.file',
      file,
      `--verify.receivers=${receiver}`,
      ...labels,
    )
    assert.equal(found.trim(), receiver)
  }
})

test('inhibitions name alerts that there are', () => {
  const names = new Set<string>(definitions.map(({ name }) => name))
  for (const matcher of inhibitions.flatMap((one) => [...one.source_matchers, ...one.target_matchers])) {
    const [, list] = /^alertname=~?"(.*)"$/.exec(matcher) ?? []
    for (const name of list?.split('|') ?? []) assert.ok(names.has(name), `${name} in ${matcher}`)
  }
})

test('nothing inhibits the lag of the pump and the error rate that gateways count themselves', () => {
  const free = definitions.filter(({ source }) => source === 'pump-lag' || source === 'gateway-traffic')
  assert.deepEqual(free.map(({ name }) => name).sort(), ['PenstockGatewayErrorRateHigh', 'PenstockPumpLag'])
  for (const { name, severity, source } of free) {
    const labels: Readonly<Record<string, string>> = { alertname: name, severity, source }
    for (const { target_matchers } of inhibitions) {
      const hits = target_matchers.every((matcher) => {
        const [, label = '', operator, value = ''] = /^(\w+)(=~?)"(.*)"$/.exec(matcher) ?? []
        return operator === '=~' ? new RegExp(`^(?:${value})$`).test(labels[label] ?? '') : labels[label] === value
      })
      assert.ok(!hits, `${name} is inhibited by ${target_matchers}`)
    }
  }
})
