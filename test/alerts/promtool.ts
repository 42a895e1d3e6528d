import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AlertDefinition } from '../../alerts/alert.ts'
import { alertingGroups } from '../../alerts/alerting.ts'
import { alertGroups, type Installation } from '../../alerts/alerts.ts'
import { alertOptions } from '../../alerts/options.ts'
import { recordingGroups } from '../../alerts/recording.ts'
import type { RecordingRule, RuleGroup } from '../../alerts/rule.ts'
import { scratchFolder } from '../scratch.ts'
import { promtool } from '../services/prometheus.ts'
import type { AlertCase } from './case.ts'

/** What the rules of these tests are made for. */
export const installation: Installation = {
  options: alertOptions.parse({ apis: { built: { requestsPerSecond: 10, team: 'shop' } } }),
  prometheusSink: 'prometheus',
}

export const definitions: readonly AlertDefinition[] = Object.values(alertGroups(installation)).flat()

/** Runs promtool and gives what it said, whatever that was. */
export async function runPromtool(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(await promtool(), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk
    })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, said }
}

/** Expressions over some series, each with the number of results that it has to have. */
export interface RuleTest {
  readonly groups: readonly RuleGroup[]
  /** How far apart evaluations are. */
  readonly everyMinutes: number
  /** How far apart samples are. */
  readonly sampleMinutes: number
  readonly series: AlertCase['series']
  readonly counts: readonly Count[]
}

export interface Count {
  /** What is claimed by it. */
  readonly says: string
  readonly expr: string
  readonly atMinutes: number
  readonly count: number
}

/** Runs all tests by one promtool, and says which claims do not hold. */
export async function failingClaims(t: TestContext, tests: readonly RuleTest[]): Promise<Set<string>> {
  const folder = await scratchFolder(t)
  const claims: string[] = []
  const files = await Promise.all(
    tests.map(async ({ groups, everyMinutes, sampleMinutes, series, counts }, i) => {
      await writeFile(join(folder, `rules-${i}.json`), JSON.stringify({ groups }))
      const test = {
        rule_files: [`rules-${i}.json`],
        evaluation_interval: `${everyMinutes}m`,
        group_eval_order: groups.map(({ name }) => name),
        tests: [
          {
            interval: `${sampleMinutes}m`,
            input_series: Object.entries(series).map(([name, values]) => ({ series: name, values: toText(values) })),
            promql_expr_test: counts.map(({ says, expr, atMinutes, count }) => ({
              expr: `count(${expr}) or vector(0) * ${claims.push(says)}`, // the number finds the claim in what promtool says
              eval_time: `${atMinutes}m`,
              exp_samples: [{ labels: '{}', value: count }],
            })),
          },
        ],
      }
      const file = join(folder, `test-${i}.json`)
      await writeFile(file, JSON.stringify(test))
      return file
    }),
  )
  const { code, said } = await runPromtool('test', 'rules', ...files)
  const failing = [...said.matchAll(/or vector\(0\) \* (\d+)\\?", time:/g)].map(
    ([, claim]) => claims[Number(claim) - 1] ?? '',
  )
  if (code !== 0 && failing.length === 0) throw new Error(`promtool could not run the tests:\n${said}`)
  return new Set(failing)
}

/** In promtool's short form: steps of the same size as one. */
function toText(values: readonly number[]): string {
  return values.map((value) => (Number.isNaN(value) ? '_' : value)).join(' ')
}

/** A limit that somebody changed. */
export interface Mutant {
  readonly says: string
  readonly expr: string
}

/** The alert with each of its limits a fifth higher and lower; those that only tell yes from no, by one. */
export function mutantsOf({ name, limits, expr }: AlertDefinition): Mutant[] {
  return Object.entries(limits).flatMap(([key, limit]) => {
    const isSwitch = Math.abs(limit) <= 1 && Number.isInteger(limit)
    const changes = isSwitch ? [limit + 1, limit - 1] : [limit * 1.2, limit / 1.2]
    return changes.map((changed) => ({
      says: `${name} with ${key} ${changed} in place of ${limit}`,
      expr: expr({ ...limits, [key]: changed }).text,
    }))
  })
}

/** The rules that an alert needs: its own without what only people read, and what makes the series that it asks for. */
export function groupsFor(names: ReadonlySet<string>): RuleGroup[] {
  const groups = alertingGroups(installation)
    .map((group) => ({ ...group, rules: group.rules.filter(({ alert }) => names.has(alert)) }))
    .filter(({ rules }) => rules.length > 0)
  return [...neededBy(groups), ...groups]
}

/** The recording groups, each with the rules only that some rule after them names. */
function neededBy(groups: readonly RuleGroup[]): RuleGroup[] {
  let asked = JSON.stringify(groups)
  const needed: RuleGroup[] = []
  for (const group of recordingGroups(installation.options).reverse()) {
    const rules: RecordingRule[] = []
    for (const rule of [...group.rules].reverse() as RecordingRule[]) {
      // recording groups have no others
      if (!new RegExp(`${rule.record}\\b`).test(asked)) continue
      asked += rule.expr
      rules.unshift(rule)
    }
    if (rules.length > 0) needed.unshift({ ...group, rules })
  }
  return needed
}
