import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sloAlerts } from '../../alerts/slo.ts'
import { type AlertCase, orders } from './case.ts'
import { allCases } from './cases/all.ts'
import { type Count, definitions, failingClaims, groupsFor, type Mutant, mutantsOf, type RuleTest } from './promtool.ts'

const claimOf = ({ alert, says }: AlertCase) => `${alert}: ${says}`
const claimOfMutant = ({ says }: Mutant, one: AlertCase) => `${says}: ${one.says}`

/** A case as a claim about what fires; and, for each change of a limit, the claim that nobody would notice. */
function countsOf(one: AlertCase, api: string | undefined): Count[] {
  const { alert, atMinutes, fires } = one
  const definition = definitions.find(({ name }) => name === alert)
  if (!definition) throw new RangeError(`There is no alert ${alert}, which "${one.says}" is about.`)
  const { severity, source } = definition
  const firing = fires.length > 0 ? fires : [api === undefined ? {} : { api: orders }]
  const counts = firing.map((labels): Count => {
    const all = { alertname: alert, alertstate: 'firing', severity, source, ...labels }
    const matchers = Object.entries(all).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    const expr = `ALERTS{${matchers.join(', ')}}`
    return { says: claimOf(one), expr, atMinutes, count: Math.min(1, fires.length) }
  })
  const ofApi = ` and on (api) label_replace(vector(1), "api", ${JSON.stringify(orders)}, "", "")`
  const unnoticed = mutantsOf(definition).map((mutant): Count => {
    const expr = api === undefined ? mutant.expr : `(${mutant.expr})${ofApi}`
    return { says: claimOfMutant(mutant, one), expr, atMinutes, count: fires.length }
  })
  return [...counts, ...unnoticed]
}

const isOfObjective = ({ alert }: AlertCase) => sloAlerts.some(({ name }) => name === alert)

/** Cases of an api stand side by side, each with an api of its own, as rules are evaluated over all apis at once. */
function toTests(): RuleTest[] {
  const isOfApi = ({ series }: AlertCase) => Object.keys(series).every((name) => name.includes(`api="${orders}"`))
  const together = Map.groupBy(allCases, (one) =>
    isOfApi(one) ? `${isOfObjective(one)} ${one.everyMinutes} ${one.sampleMinutes}` : claimOf(one),
  )
  return [...together.values()].map((cases): RuleTest => {
    const [{ everyMinutes, sampleMinutes = everyMinutes }] = cases as [AlertCase] // a group has at least one
    const series: Record<string, readonly number[]> = {}
    const counts: Count[] = []
    for (const [i, one] of cases.entries()) {
      const api = isOfApi(one) ? `case-${i}` : undefined
      const renamed = (text: string) => (api === undefined ? text : text.replaceAll(`"${orders}"`, `"${api}"`))
      for (const [name, values] of Object.entries(one.series)) series[renamed(name)] = values
      counts.push(...countsOf(one, api).map((count) => ({ ...count, expr: renamed(count.expr) })))
    }
    return { groups: groupsFor(new Set(cases.map(({ alert }) => alert))), everyMinutes, sampleMinutes, series, counts }
  })
}

test('every alert has a case in which it fires and one in which it does not', () => {
  const fires = (name: string, isFiring: boolean) =>
    allCases.some((one) => one.alert === name && one.fires.length > 0 === isFiring)
  assert.deepEqual(
    definitions.map(({ name }) => name).filter((name) => !fires(name, true) || !fires(name, false)),
    [],
  )
})

test('every alert does what its cases say, and every changed limit breaks one of them', async (t) => {
  const failing = await failingClaims(t, toTests())
  assert.deepEqual(
    allCases.map(claimOf).filter((claim) => failing.has(claim)),
    [],
    'Cases that do not hold',
  )
  const unnoticed = definitions.flatMap((definition) =>
    mutantsOf(definition).filter(
      (mutant) => !allCases.some((one) => one.alert === definition.name && failing.has(claimOfMutant(mutant, one))),
    ),
  )
  assert.deepEqual(
    unnoticed.map(({ says }) => says),
    [],
    'Changes that no case notices',
  )
})
