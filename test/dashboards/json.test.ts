import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dashboards as linkedByAlerts } from '../../alerts/dashboard.ts'
import { dashboards } from '../../dashboards/index.ts'
import { gatewayMetrics, keyMetrics, recorderMetrics } from '../../metrics/gateway.ts'
import { processMetrics } from '../../metrics/process.ts'
import { pumpMetrics } from '../../metrics/pump.ts'
import { recordMetrics } from '../../metrics/records.ts'
import { storeMetrics } from '../../metrics/store.ts'
import { type DashboardFile, dashboardFiles, type LinkFile, type PanelFile, type TargetFile } from './dashboard-file.ts'

const files = dashboardFiles()
const byUid = new Map(files.map((file) => [file.uid, file]))

const panelsOf = ({ panels }: DashboardFile) => panels.filter(({ type }) => type !== 'row')
const everyPanel = files.flatMap((file) =>
  panelsOf(file).map((panel) => ({ file, panel, where: `${file.title} › ${panel.title}` })),
)
const targetsOf = ({ targets = [] }: PanelFile): readonly TargetFile[] => targets
const expressions = everyPanel.flatMap(({ panel, where }) =>
  targetsOf(panel).flatMap(({ expr }) => (expr ? [{ where, expr }] : [])),
)

test('the files are what the sources make', () => {
  for (const dashboard of Object.values(dashboards))
    assert.deepEqual(byUid.get(dashboard.uid ?? ''), JSON.parse(JSON.stringify(dashboard)))
  assert.equal(files.length, Object.keys(dashboards).length)
})

test('ids are whole numbers from 1 on, once on a dashboard; refIds are once on a panel', () => {
  for (const { title, panels } of files) {
    const ids = panels.map(({ id }) => id)
    assert.ok(
      ids.every((id) => Number.isInteger(id) && id >= 1),
      title,
    )
    assert.equal(new Set(ids).size, ids.length, title)
  }
  for (const { panel, where } of everyPanel) {
    const refIds = targetsOf(panel).map(({ refId }) => refId)
    assert.deepEqual(refIds, [...'ABCDEFGHIJ'].slice(0, refIds.length), where)
  }
})

test('panels stand side by side within 24 columns and on top of none', () => {
  for (const { title, panels } of files) {
    const taken = new Set<string>()
    for (const { gridPos, title: panel } of panels) {
      assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, `${title} › ${panel}`)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x} ${y}`), `${title} › ${panel} stands on another`)
          taken.add(`${x} ${y}`)
        }
      }
    }
  }
})

test('no data source is named but by its variable', () => {
  const known = new Set([`\${datasource}`, `\${clickhouse}`, '-- Grafana --'])
  for (const file of files) {
    const uids = [...JSON.stringify(file).matchAll(/"datasource":\{"type":"[^"]*","uid":"([^"]*)"\}/g)].map(
      ([, uid = '']) => uid,
    )
    assert.ok(uids.length > 0)
    assert.deepEqual(
      uids.filter((uid) => !known.has(uid)),
      [],
      file.title,
    )
    assert.doesNotMatch(JSON.stringify(file), /__inputs|\$\{DS_/)
  }
})

test('every window of a rate is Grafana’s, and fits whatever the scrape interval is', () => {
  for (const { where, expr } of expressions) {
    const windows = [...expr.matchAll(/\[([^\]]+)\]/g)].map(([, window]) => window)
    assert.deepEqual(
      windows.filter((window) => window !== '$__rate_interval' && window !== '$__range'),
      [],
      where,
    )
  }
  for (const { panel, where } of everyPanel)
    for (const { expr, interval } of targetsOf(panel)) if (expr) assert.equal(interval, '$scrape', where)
})

test('every panel says what it shows, what is normal and what to do, in which unit, and why it may be empty', () => {
  for (const { panel, where } of everyPanel) {
    assert.match(panel.description ?? '', /^.{20,}\n\n\*\*Normal:\*\* .+\n\n\*\*What to do:\*\* .{10,}$/, where)
    const { unit, noValue } = panel.fieldConfig?.defaults ?? {}
    assert.ok(unit, `${where}: unit`)
    assert.ok(noValue && noValue.length > 10, `${where}: noValue`)
  }
})

test('lines have legends that are shown and say something', () => {
  for (const { panel, where } of everyPanel) {
    const { type, options } = panel
    if (type === 'timeseries' || type === 'state-timeline') assert.equal(options?.legend?.showLegend, true, where)
    if (type === 'heatmap') assert.equal(options?.legend?.show, true, where)
    for (const { legendFormat, expr, format } of targetsOf(panel)) {
      if (!expr || format === 'table') continue
      assert.ok(legendFormat, where)
      assert.doesNotMatch(legendFormat, /__auto/, where)
    }
    const names = targetsOf(panel).map(({ legendFormat }) => legendFormat)
    if (type === 'timeseries' && targetsOf(panel)[0]?.expr) assert.equal(new Set(names).size, names.length, where)
  }
})

/** What fits into a column of the grid on a screen of 1,280 pixels, at Grafana's size of a title. */
const charactersOfColumn = 7

test('titles of panels and columns are short enough not to be cut', () => {
  for (const { panel, where } of everyPanel) {
    assert.ok(panel.title.length <= panel.gridPos.w * charactersOfColumn, where)
    const columns = titlesOf(panel)
    for (const title of columns) assert.ok(title.length <= 20, `${where}: ${title}`)
    assert.ok(columns.length <= 10, `${where}: ${columns.length} columns`)
    assert.equal(new Set(columns).size, columns.length, where)
  }
})

function titlesOf({ transformations = [] }: PanelFile): string[] {
  const organize = transformations.find(({ id }) => id === 'organize')?.options.renameByName
  return Object.values((organize ?? {}) as Record<string, string>) // as dashboards/ writes it
}

test('each column of a table has a unit, and only columns that are there are dressed', () => {
  for (const { panel, where } of everyPanel.filter(({ panel }) => titlesOf(panel).length > 0)) {
    const overrides = panel.fieldConfig?.overrides ?? []
    assert.deepEqual(overrides.map(({ matcher }) => matcher.options).sort(), titlesOf(panel).sort(), where)
    for (const { matcher, properties } of overrides)
      assert.ok(
        properties.some(({ id }) => id === 'unit'),
        `${where}: ${matcher.options}`,
      )
  }
})

test('states are shown as words', () => {
  for (const { panel, where } of everyPanel) {
    if (panel.type === 'state-timeline') assert.ok((panel.fieldConfig?.defaults.mappings?.length ?? 0) > 0, where)
    for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
      if (/^(State|Whose)$/.test(matcher.options))
        assert.ok(
          properties.some(({ id }) => id === 'mappings'),
          where,
        )
    }
  }
})

test('latencies of requests lead to traces', () => {
  const latencies = everyPanel.filter(
    ({ panel }) =>
      panel.type !== 'stat' &&
      targetsOf(panel).some(
        ({ expr, instant }) => expr?.includes('duration_seconds_bucket') && !instant && !expr.includes('sink_write'),
      ),
  )
  assert.ok(latencies.length >= 8)
  for (const { panel, where } of latencies)
    assert.ok(
      targetsOf(panel).every(({ exemplar }) => exemplar),
      where,
    )
})

function linksOf({ fieldConfig }: PanelFile): LinkFile[] {
  const ofCells = (fieldConfig?.overrides ?? []).flatMap(
    ({ properties }) => properties.filter(({ id }) => id === 'links').flatMap(({ value }) => value as LinkFile[]), // as dashboards/ writes them
  )
  return [...(fieldConfig?.defaults.links ?? []), ...ofCells]
}

test('every link leads to a dashboard that is there, with variables that both have and the time range', () => {
  let links = 0
  for (const { file, panel, where } of everyPanel) {
    for (const { title, url } of linksOf(panel)) {
      links++
      const [, uid = '', query = ''] = /^\/d\/([\w-]+)\?(.*)$/.exec(url) ?? []
      const variables = byUid.get(uid)?.templating.list.map(({ name }) => name)
      assert.ok(variables, `${where}: ${title}`)
      const own = file.templating.list.map(({ name }) => name)
      const kept = [...query.matchAll(/\$\{(\w+):queryparam\}/g)].map(([, name = '']) => name)
      const passed = [...query.matchAll(/var-(\w+)=/g)].map(([, name = '']) => name)
      assert.deepEqual(
        [...kept, ...passed].filter((name) => !variables.includes(name)),
        [],
        `${where}: ${title}`,
      )
      assert.deepEqual(
        kept.filter((name) => !own.includes(name)),
        [],
        `${where}: ${title}`,
      )
      assert.ok(passed.length > 0, `${where}: ${title}`)
      assert.ok(query.endsWith(`\${__url_time_range}`), `${where}: ${title}`)
    }
  }
  assert.ok(links > 50)
})

test('dashboards lead to each other with time and variables', () => {
  for (const { title, links, tags } of files) {
    assert.deepEqual(tags, ['penstock'], title)
    assert.deepEqual(
      links.map((link) => [link.tags, link.includeVars, link.keepTime]),
      [[['penstock'], true, true]],
      title,
    )
  }
})

test('the dashboards that alerts lead to are there, with the variables that they set', () => {
  for (const { uid, ...rest } of Object.values(linkedByAlerts)) {
    const names = byUid.get(uid)?.templating.list.map(({ name }) => name)
    assert.ok(names, uid)
    const set = Object.keys('variables' in rest ? rest.variables : {})
    assert.deepEqual(
      set.filter((name) => !names.includes(name)),
      [],
      uid,
    )
  }
})

test('every metric is in the catalogue', () => {
  const catalogue = [
    recordMetrics,
    gatewayMetrics,
    keyMetrics,
    recorderMetrics,
    pumpMetrics,
    storeMetrics,
    processMetrics,
  ]
  const names = new Set(catalogue.flatMap((metrics) => Object.values(metrics).map(({ name }) => name as string)))
  for (const { where, expr } of expressions) {
    for (const [name] of expr.matchAll(/\b(?:penstock|process)_\w+/g))
      assert.ok(names.has(name) || names.has(name.replace(/_(bucket|sum|count)$/, '')), `${where}: ${name}`)
  }
})
