import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { dashboardFiles } from './dashboard-file.ts'

const folder = join(import.meta.dirname, '../../deploy/grafana/provisioning')
const read = <T>(file: string): T => parse(readFileSync(join(folder, file), 'utf8')) as T // each test says what it expects

interface Datasource {
  readonly uid: string
  readonly type: string
  readonly secureJsonData?: Readonly<Record<string, string>>
}

const { datasources } = read<{ datasources: readonly Datasource[] }>('datasources/penstock.yml')

test('every kind of data source that a dashboard asks for is provisioned', () => {
  const asked = dashboardFiles().flatMap(({ templating }) =>
    templating.list.filter(({ type }) => type === 'datasource').map(({ query }) => query),
  )
  assert.deepEqual([...new Set(asked)].sort(), datasources.map(({ type }) => type).sort())
})

test('the data source that alerts name is provisioned under that uid', () => {
  const alerting = JSON.stringify(read('alerting/penstock-alerting.yml'))
  const named = new Set([...alerting.matchAll(/"datasourceUid":"([^"]+)"/g)].map(([, uid = '']) => uid))
  named.delete('__expr__')
  assert.deepEqual(
    [...named].filter((uid) => !datasources.some((one) => one.uid === uid)),
    [],
  )
})

test('no password stands in a file', () => {
  for (const { uid, secureJsonData = {} } of datasources)
    for (const value of Object.values(secureJsonData)) assert.match(value, /^\$[A-Z_]+$/, uid)
})

test('dashboards come from a folder of their own and cannot be changed in place', () => {
  const { providers } = read<{ providers: readonly { allowUiUpdates: boolean; options: { path: string } }[] }>(
    'dashboards/penstock.yml',
  )
  assert.deepEqual(
    providers.map(({ allowUiUpdates, options }) => [allowUiUpdates, options.path]),
    [[false, '/var/lib/grafana/dashboards/penstock']],
  )
})
