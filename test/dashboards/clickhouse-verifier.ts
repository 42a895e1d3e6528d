import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { toClickHouse } from '../e2e/config.ts'
import type { DashboardFile, PanelFile, TargetFile } from './dashboard-file.ts'
import { interpolate, type Looking, timing, type Values, valuesOf } from './interpolate.ts'
import type { Verdict } from './verifier.ts'

export interface VerifyClickHouseOptions extends Looking {
  /** The server, with the database as the path. */
  readonly url: URL
  /** Values of variables, by name; of the others all are chosen. */
  readonly chosen?: ReadonlyMap<string, readonly string[]>
}

type Row = Readonly<Record<string, unknown>>

/** Runs every query of a dashboard over ClickHouse as the plugin of Grafana would. */
export async function verifyClickHouse(dashboard: DashboardFile, options: VerifyClickHouseOptions): Promise<Verdict> {
  await using client = toDisposable(
    createClient({ ...toClickHouse(options.url), log: { level: ClickHouseLogLevel.OFF } }),
  )
  const rowsOf = async (sql: string) => await client.rowsOf(toSql(sql, dashboard, options))
  const panels = dashboard.panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })))
  const results = []
  for (const { panel, target } of panels) results.push(await verifyTarget(panel, target, rowsOf))
  const variables = dashboard.templating.list.filter(({ type }) => type === 'query')
  for (const { name, query } of variables) {
    const values = await rowsOf(String(query)).catch((error: unknown) => String(error))
    if (typeof values === 'string') results.push({ faults: [`variable ${name}: ${values}`], series: 0 })
    else if (values.length === 0) results.push({ faults: [`variable ${name}: nothing to choose from`], series: 0 })
  }
  return {
    queries: panels.length,
    faults: results.flatMap(({ faults }) => faults.map((fault) => `${dashboard.title}: ${fault}`)),
    mostSeries: Math.max(0, ...results.map(({ series }) => series)),
    panelsWithExemplars: 0,
  }
}

/** The rows of one panel. */
export async function rowsOfPanel(
  dashboard: DashboardFile,
  title: string,
  options: VerifyClickHouseOptions,
): Promise<readonly Row[]> {
  const sql = dashboard.panels.find((panel) => panel.title === title)?.targets?.[0]?.rawSql
  if (!sql) throw new Error(`${dashboard.title} has no panel "${title}" with SQL.`)
  await using client = toDisposable(
    createClient({ ...toClickHouse(options.url), log: { level: ClickHouseLogLevel.OFF } }),
  )
  return await client.rowsOf(toSql(sql, dashboard, options))
}

function toDisposable(client: ReturnType<typeof createClient>) {
  return {
    async rowsOf(query: string): Promise<readonly Row[]> {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<Row>()
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

async function verifyTarget(
  { title, transformations = [] }: PanelFile,
  { refId, rawSql = '', format }: TargetFile,
  rowsOf: (sql: string) => Promise<readonly Row[]>,
): Promise<{ faults: readonly string[]; series: number }> {
  const fault = (text: string) => ({ faults: [`${title} ${refId}: ${text}`], series: 0 })
  const rows = await rowsOf(rawSql).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  if (typeof rows === 'string') return fault(rows)
  const [first] = rows
  if (!first) return fault('no rows')
  if (rows.every((row) => Object.values(row).every((value) => value === null))) return fault('nothing but NULL')
  const isLines = format === 0
  if (isLines && !('time' in first)) return fault('no column time')
  const named = transformations.flatMap(({ id, options }) => namesOf(id, options)).filter((name) => name !== 'Time')
  const lacking = named.filter((name) => !(name in first))
  if (lacking.length > 0) return fault(`no column ${lacking.join(', ')}`)
  const unnamed = Object.keys(first).filter((name) => !isLines && named.length > 0 && !named.includes(name))
  if (unnamed.length > 0) return fault(`the columns ${unnamed.join(', ')} have no title`)
  const labels = Object.keys(first).filter(
    (name) => name !== 'time' && typeof first[name] === 'string' && Number.isNaN(Number(first[name])),
  )
  return {
    faults: [],
    series: isLines ? new Set(rows.map((row) => labels.map((name) => row[name]).join('\0'))).size : 0,
  }
}

/** The columns that a transformation counts on. */
function namesOf(id: string, options: Readonly<Record<string, unknown>>): string[] {
  if (id === 'organize') return Object.keys(options.renameByName as Row) // as dashboards/ writes it
  if (id === 'groupingToMatrix') return [options.rowField, options.columnField, options.valueField].map(String)
  return []
}

/** The macros of the plugin, then the variables. A condition on a variable that holds all is left out. */
function toSql(sql: string, dashboard: DashboardFile, options: VerifyClickHouseOptions): string {
  const { fromSeconds, toSeconds, chosen = new Map() } = options
  const { stepSeconds } = timing(options)
  const from = `toDateTime(${fromSeconds})`
  const to = `toDateTime(${toSeconds})`
  const conditions = sql.replaceAll(
    /\$__conditionalAll\((\w+ IN \(\$\{\w+:singlequote\}\)), \$(\w+)\)/g,
    (_, condition: string, name: string) => (chosen.has(name) ? condition : '1=1'),
  )
  const expanded = conditions
    .replaceAll(/\$__timeFilter\((\w+)\)/g, (_, column: string) => `${column} >= ${from} AND ${column} <= ${to}`)
    .replaceAll(
      /\$__timeInterval\((\w+)\)/g,
      (_, column: string) => `toStartOfInterval(toDateTime(${column}), INTERVAL ${stepSeconds} second)`,
    )
    .replaceAll('$__fromTime', from)
    .replaceAll('$__toTime', to)
    .replaceAll('$__interval_s', String(stepSeconds))
  const values: Values = new Map([
    ...valuesOf(dashboard, new Map()),
    ...[...chosen].map(
      ([name, all]) => [name, all.map((value: string) => `'${value.replaceAll("'", "\\'")}'`).join(', ')] as const,
    ),
  ])
  const { text, unresolved } = interpolate(expanded, values)
  if (unresolved.length > 0) throw new Error(`no variable is called ${unresolved.join(', ')}`)
  return text
}
