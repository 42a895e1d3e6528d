import * as z from 'zod'
import type { Config } from '../config/config.ts'
import { joinPath } from '../gateway/template.ts'
import { type RequestRecord, recordType } from '../record/fields.ts'
import type { Outcome } from '../record/outcome.ts'
import { aRecord } from '../record/sample.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { readLines } from '../sources/access-log.ts'
import { ValueError } from './command.ts'
import { checkReadable } from './files.ts'

const fieldNames = Object.keys(recordType.shape)

/** The records of a file, a JSON object a line. What a line leaves out is as in any plausible record. Throws ValueError with every fault. */
export async function readExamples(file: string): Promise<RequestRecord[]> {
  checkReadable(file)
  const records: RequestRecord[] = []
  const faults: string[] = []
  for await (const { number, line } of readLines(file)) {
    const found = faultsOf(line)
    faults.push(...found.map((fault) => `${file}:${number}: ${fault}`))
    if (found.length === 0) records.push(aRecord(JSON.parse(line) as Partial<RequestRecord>)) // faultsOf has just said so
  }
  if (faults.length > 0) throw new ValueError(faults.join('\n'))
  return records
}

const partialType = recordType.partial()

function faultsOf(line: string): string[] {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return [`is not JSON: ${error instanceof Error ? error.message : error}`]
  }
  const { error } = partialType.safeParse(value)
  return (error?.issues ?? []).flatMap((issue) => toTexts(issue))
}

function toTexts(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `a record has no field "${key}".${didYouMean(key, fieldNames)}`)
  return [`${z.core.toDotPath(issue.path)}${issue.path.length > 0 ? ': ' : ''}${issue.message}`]
}

/** How requests end, the usual ones more often. */
const endings: readonly { readonly status: number; readonly outcome?: Outcome }[] = [
  ...[200, 200, 201, 204].map((status) => ({ status })),
  { status: 404 },
  { status: 429, outcome: 'rate_limited' },
  { status: 401, outcome: 'unauthenticated' },
  { status: 200 },
  { status: 503 },
  { status: 200 },
  { status: 504, outcome: 'upstream_timeout' },
  { status: 304 },
  { status: 499, outcome: 'client_aborted' },
]

/** What a request may have said that its record should not show. */
const detail = {
  requestHeaders: { authorization: 'Bearer example', cookie: 'session=example', 'content-type': 'application/json' },
  requestBody: '{"user":"ada","password":"example"}',
  responseHeaders: { 'content-type': 'application/json', 'set-cookie': 'session=example' },
  responseBody: '{"ok":true}',
}

/** Records as the gateway of this config might make them: each of its routes, with its consumers and tags, and every kind of ending. */
export function makeExamples({ gateway }: Config, count: number): RequestRecord[] {
  const places = gateway.apis.flatMap(({ name: api, version: apiVersion, org = gateway.org, basePath, routes }) =>
    routes.flatMap(({ path, methods, useCase }) =>
      (methods.length > 0 ? methods : ['GET']).map((method) => ({
        api,
        apiVersion,
        org,
        method,
        route: joinPath(basePath, path),
        useCase,
      })),
    ),
  )
  const consumers = Object.entries(gateway.consumers)
  const tagNames = Object.keys(gateway.tags)
  return Array.from({ length: count }, (_, i) => {
    const place = pick(places, i)
    const ending = pick(endings, Math.floor(i / Math.max(places.length, 1))) ?? { status: 200 }
    const [consumer, facts] = (ending.outcome !== 'unauthenticated' && pick(consumers, i * 7)) || ['', undefined]
    return aRecord({
      ...defined(place ?? {}),
      ...ending,
      ...(consumers.length > 0 ? { consumer, team: facts?.team ?? consumer, plan: facts?.plan ?? '' } : {}),
      tags: { ...Object.fromEntries(tagNames.map((name) => [name, `${name}-${i % 3}`])), ...facts?.tags },
      detail,
    })
  })
}

function pick<T>(list: readonly T[], i: number): T | undefined {
  return list[i % list.length]
}

function defined<T extends object>(values: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never // the undefined ones are gone
}
