import assert from 'node:assert/strict'
import { until } from '../services/until.ts'
import { caller, sinkNames } from './config.ts'
import { usageInMongo } from './held.ts'
import { apiOf, type Call, endpointOf, type LoggedCall, sentBytes, statusClassOf } from './logged-calls.ts'
import { runPenstock } from './process.ts'
import type { System } from './system.ts'
import { assertSameTally, tally, total } from './tally.ts'

/** Fails unless every sink was delivered so many records, and both sides of conservation agree. */
export async function assertConserved({ pumpMetrics }: System, records: number): Promise<void> {
  const page = await pumpMetrics()
  for (const sink of sinkNames) {
    assert.equal(page.only('penstock_reader_delivered_records', { sink }), records, `${sink}: records delivered`)
    assert.equal(page.only('penstock_conservation_error_records', { sink }), 0, `${sink}: conservation error`)
  }
}

/** Fails unless whatever only adds up holds what `calls` add up to, by its own dimensions. */
export async function assertSums(system: System, calls: readonly LoggedCall[]): Promise<void> {
  await assertUsageDocuments(system, calls)
  await assertPrometheus(system, calls)
  await assertUsageAnswers(system, calls)
}

async function assertUsageDocuments({ places }: System, calls: readonly LoggedCall[]): Promise<void> {
  const documents = await usageInMongo(places)
  const held = (sum: string) =>
    tally(
      documents,
      ({ org, api, endpoint, consumer }) => `${org} ${api} ${endpoint} ${consumer}`,
      (document) => Number(document[sum]),
    )
  const expected = (weightOf?: (call: LoggedCall) => number) =>
    tally(calls, (call) => `default ${apiOf(call)} ${endpointOf(call)} ${caller.consumer}`, weightOf)
  assertSameTally(held('calls'), expected(), 'Mongo’s usage')
  assertSameTally(held('failed'), expected(toFailed), 'Mongo’s usage, in failures,')
  assertSameTally(held('bytesOut'), expected(sentBytes), 'Mongo’s usage, in bytes,')
  const byClass = documents.flatMap(({ endpoint, status }) =>
    Object.entries<number>(status).map(([name, count]) => ({ key: `${endpoint} ${name}`, count })),
  )
  assertSameTally(
    tally(byClass, byKey, ({ count }) => count),
    tally(calls, (call) => `${endpointOf(call)} ${statusClassOf(call)}`),
    'Mongo’s usage, by status class,',
  )
  const durations = documents.flatMap(({ h }) => Object.values<number>(h).map((count) => ({ key: 'all', count })))
  assert.equal(total(tally(durations, byKey, ({ count }) => count)), calls.length, 'calls in Mongo’s histograms')
}

const byKey = ({ key }: { readonly key: string }) => key
const toFailed = ({ status }: Call) => (status >= 500 ? 1 : 0)

type Labels = Readonly<Record<string, string>>

/** By the pump's own page, and by a Prometheus that scraped it. */
async function assertPrometheus({ pumpMetrics, prometheus }: System, calls: readonly LoggedCall[]): Promise<void> {
  const names = ['api', 'endpoint', 'method', 'status_class', 'outcome'] as const
  const keyOf = ({ labels }: { readonly labels: Labels }) => names.map((name) => labels[name]).join(' ')
  const toValue = ({ value }: { readonly value: number }) => value
  const expected = tally(calls, (call) =>
    [apiOf(call), endpointOf(call), call.method, statusClassOf(call), outcomeOf(call)].join(' '),
  )
  const page = await pumpMetrics()
  assertSameTally(tally(page.samples('penstock_requests_total'), keyOf, toValue), expected, 'the pump’s /metrics')
  const scraped = await until(
    async () => {
      const samples = await prometheus.query(`sum by (${names}) (penstock_requests_total)`)
      return total(tally(samples, keyOf, toValue)) === calls.length && samples
    },
    { what: 'Prometheus to scrape the last request', timeoutMs: 30_000, everyMs: 200 },
  )
  assertSameTally(tally(scraped, keyOf, toValue), expected, 'Prometheus')
  const bytes = await prometheus.query('sum by (api) (penstock_response_bytes_total)')
  assertSameTally(
    tally(bytes, ({ labels: { api = '' } }) => api, toValue),
    tally(calls, apiOf, sentBytes),
    'Prometheus, in bytes,',
  )
}

/** As an operator asks: by the command line, which asks the process that holds the store. */
async function assertUsageAnswers({ consoleUrl }: System, calls: readonly LoggedCall[]): Promise<void> {
  const asked = ['--by', 'endpoint,status', '--metric', 'calls,failed,bytes_out', '--last', '1d', '--limit', '1000']
  const answer = await runPenstock('usage', '--url', consoleUrl, '--json', ...asked)
  const { rows } = JSON.parse(answer) as { rows: readonly Readonly<Record<string, string | number>>[] } // as the API documents
  const held = (metric: string) =>
    tally(
      rows,
      ({ endpoint, status }) => `${endpoint} ${status}`,
      (row) => Number(row[metric]),
    )
  const expected = (weightOf?: (call: LoggedCall) => number) =>
    tally(calls, (call) => `${endpointOf(call)} ${call.status}`, weightOf)
  assertSameTally(held('calls'), expected(), 'penstock usage')
  assertSameTally(held('failed'), expected(toFailed), 'penstock usage, in failures,')
  assertSameTally(held('bytes_out'), expected(sentBytes), 'penstock usage, in bytes,')
}

function outcomeOf({ status }: Call): string {
  if (status < 400) return 'ok'
  return status < 500 ? 'client_error' : 'upstream_error'
}
