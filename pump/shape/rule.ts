import * as z from 'zod'
import type { RequestRecord } from '../../record/fields.ts'
import { isFailed, outcomes } from '../../record/outcome.ts'
import { matcher } from './pattern.ts'

const texts = z.union([z.string(), z.array(z.string()).min(1)], {
  error: 'expected a text or a list of texts; * in it stands for any characters',
})

const statusMeaning = 'expected a status such as 404, a range such as 500-599, a class such as 5xx, or a list of them'

const status = z.union([
  z.int().min(100, statusMeaning).max(599, statusMeaning),
  z
    .string()
    .regex(/^[1-5](xx|\d\d(-[1-5]\d\d)?)$/, statusMeaning)
    .refine((text) => {
      const [least, most] = toRange(text)
      return least <= most
    }, statusMeaning),
])

/** What a record is asked for by one rule. It matches where every condition does; a condition matches where one of its values does. */
export const ruleOptions = z
  .strictObject({
    org: texts.optional().describe('Tenant'),
    api: texts.optional().describe('API; empty text where no route matched'),
    endpoint: texts.optional().describe('Method and path template, such as `GET /orders/*`'),
    method: texts.optional().describe('HTTP method'),
    consumer: texts.optional().describe('Consumer; empty text where there was none'),
    team: texts.optional().describe('Team of the consumer'),
    status: z
      .union([status, z.array(status).min(1)], { error: statusMeaning })
      .optional()
      .describe('HTTP statuses: codes such as 404, ranges such as 500-599, classes such as 5xx'),
    outcome: texts
      .superRefine((values, context) => {
        for (const value of [values].flat()) {
          if (outcomes.some(matcher([value]))) continue
          context.addIssue({ code: 'custom', message: `no outcome is "${value}": there are ${outcomes.join(', ')}` })
        }
      })
      .optional()
      .describe('How the request ended, such as `upstream_*`'),
    failed: z.boolean().optional().describe('Whether it counts as failed in the success rate'),
    tag: z
      .record(z.string().min(1), texts)
      .refine((tags) => Object.keys(tags).length > 0, 'a tag by its name, such as { customer: "acme-*" }')
      .optional()
      .describe('Values of tags by their names; a record without the tag does not match'),
  })
  .refine(
    (rule) => Object.keys(rule).length > 0,
    'a rule without a condition would match every record; say what it asks for',
  )

type RuleOptions = z.output<typeof ruleOptions>
type Test = (record: RequestRecord) => boolean

const textConditions = ['org', 'api', 'endpoint', 'consumer', 'team', 'outcome'] as const

/** Finds the first of the rules that a record matches; -1 where it matches none. */
export function firstMatch(rules: readonly RuleOptions[]): (record: RequestRecord) => number {
  const compiled = rules.map(toTests)
  return (record) => compiled.findIndex((tests) => tests.every((test) => test(record)))
}

function toTests(rule: RuleOptions): Test[] {
  const tests: Test[] = []
  for (const name of textConditions) {
    const values = rule[name]
    if (values === undefined) continue
    const matches = matcher([values].flat())
    tests.push((record) => matches(record[name]))
  }
  if (rule.method !== undefined) {
    const matches = matcher([rule.method].flat().map((method) => method.toUpperCase()))
    tests.push(({ method }) => matches(method))
  }
  if (rule.status !== undefined) {
    const ranges = [rule.status].flat().map(toRange)
    tests.push(({ status }) => ranges.some(([least, most]) => status >= least && status <= most))
  }
  const { failed } = rule
  if (failed !== undefined) tests.push((record) => isFailed(record) === failed)
  for (const [name, values] of Object.entries(rule.tag ?? {})) {
    const matches = matcher([values].flat())
    tests.push(({ tags }) => Object.hasOwn(tags, name) && matches(tags[name] ?? ''))
  }
  return tests
}

/** The least and the greatest status that a value stands for. */
function toRange(value: string | number): readonly [number, number] {
  const text = String(value)
  if (text.endsWith('xx')) return [Number(text[0]) * 100, Number(text[0]) * 100 + 99]
  const [least = '', most = least] = text.split('-')
  return [Number(least), Number(most)]
}
