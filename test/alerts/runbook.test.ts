import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { alertingGroups } from '../../alerts/alerting.ts'
import { dashboards as linked } from '../../alerts/dashboard.ts'
import { toGrafanaFile } from '../../alerts/grafana.ts'
import { parseCommand } from '../../cli/command.ts'
import { commands } from '../../cli/index.ts'
import { places } from '../../dashboards/place.ts'
import { definitions, installation } from './promtool.ts'

const root = join(import.meta.dirname, '../..')
const rules = alertingGroups(installation).flatMap((group) => group.rules)

test('every alert leads to its own page, which says what it means, how to confirm it, what to do and what caused it', () => {
  for (const { alert, annotations } of rules) {
    const url = annotations.runbook_url ?? ''
    assert.ok(url.endsWith(`/docs/runbooks/${alert}.md`), url)
    const file = join(root, 'docs/runbooks', `${alert}.md`)
    assert.ok(existsSync(file), file)
    const page = readFileSync(file, 'utf8')
    for (const part of ['What it means', 'How to confirm', 'What to do', 'What usually caused it'])
      assert.match(page, new RegExp(`^## ${part}$`, 'm'), `${alert}: ${part}`)
    assert.match(page, /```promql\n.+\n```/)
  }
})

test('every command line of a runbook is one that there is', () => {
  for (const { name, runbook } of definitions) {
    const [program, command = '', ...args] = words(runbook.command)
    if (program !== 'penstock') {
      assert.match(program ?? '', /^(curl|openssl)$/, name)
      continue
    }
    const found = (commands as Readonly<Record<string, (typeof commands)['check']>>)[command]
    assert.ok(found, `${name}: penstock ${command}`)
    assert.doesNotThrow(() => parseCommand(command, found, args), name)
  }
})

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
}

test('every alert leads to a dashboard that there is, by variables that it has and labels of its own', () => {
  for (const { uid, ...link } of Object.values(linked)) {
    const place = Object.values(places).find((one) => one.uid === uid)
    assert.ok(place, uid)
    for (const variable of Object.keys('variables' in link ? link.variables : {}))
      assert.ok((place.variables as readonly string[]).includes(variable), `${uid} has no variable ${variable}`)
  }
  for (const { name, dashboard, limits, expr } of definitions) {
    for (const label of Object.values(dashboard.variables ?? {}))
      assert.ok(expr(limits).labels.includes(label), `${name} has no label ${label} for its dashboard`)
  }
})

test('summaries and descriptions name labels that the alert has, and the description a number where there is one', () => {
  for (const { name, summary, description, limits, expr } of definitions) {
    for (const [, label = ''] of `${summary} ${description}`.matchAll(/\$labels\.(\w+)/g))
      assert.ok(expr(limits).labels.includes(label), `${name} has no label ${label}`)
    assert.ok(!summary.includes('$value'), `${name}: a summary stays the same while the number moves`)
  }
})

test('the alerts for Grafana are those for Prometheus, with names that stay and expressions without $value', () => {
  const file = parse(toGrafanaFile(alertingGroups(installation), 'prom')) as GrafanaFile
  const managed = file.groups.flatMap((group) => group.rules)
  assert.deepEqual(
    managed.map(({ title }) => title),
    rules.map(({ alert }) => alert),
  )
  assert.equal(new Set(managed.map(({ uid }) => uid)).size, managed.length)
  for (const [i, { uid, data, labels, annotations }] of managed.entries()) {
    assert.match(uid, /^[a-z-]{1,40}$/)
    assert.equal(data[0]?.model.expr, rules[i]?.expr)
    assert.deepEqual(labels, rules[i]?.labels)
    assert.deepEqual(
      data.map(({ datasourceUid }) => datasourceUid),
      ['prom', '__expr__', '__expr__'],
    )
    for (const text of Object.values(annotations)) assert.doesNotMatch(text, /\$value\b|\| query/)
  }
})

interface GrafanaFile {
  readonly groups: readonly { readonly rules: readonly GrafanaRule[] }[]
}

interface GrafanaRule {
  readonly uid: string
  readonly title: string
  readonly data: readonly { readonly datasourceUid: string; readonly model: { readonly expr?: string } }[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
