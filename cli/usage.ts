import type { UsageResult } from '../usage/result.ts'
import { BackendError, type Command, exitCodes, textOf, UsageError } from './command.ts'
import { toTable } from './table.ts'

const defaultUrl = 'http://127.0.0.1:8083'

export const usageCommand: Command = {
  summary: 'Shows who calls which endpoint, by how much',
  usage: '[--by DIMENSIONS] [--last SPAN]',
  options: {
    by: { type: 'string', value: 'LIST', doc: 'Up to four dimensions, such as endpoint,consumer', default: 'endpoint' },
    metric: {
      type: 'string',
      value: 'LIST',
      doc: 'Metrics; the first one orders the rows',
      default: 'calls,success_rate,p50,p95',
    },
    last: { type: 'string', value: 'SPAN', doc: 'Time up to now, such as 30m, 1h or 7d; default 1h' },
    from: { type: 'string', value: 'TIME', doc: 'Begin of the time, in place of --last' },
    to: { type: 'string', value: 'TIME', doc: 'End of the time; default now' },
    filter: { type: 'string', value: 'TEXT', doc: 'Conditions, such as "consumer==acme;status>=500"' },
    limit: { type: 'string', value: 'N', doc: 'Rows at most; the rest is summed up', default: '20' },
    url: { type: 'string', value: 'URL', doc: 'Console to ask', default: defaultUrl },
    json: { type: 'boolean', doc: 'The whole answer as JSON' },
    csv: { type: 'boolean', doc: 'The table as CSV' },
  },
  examples: [
    'penstock usage --by endpoint,consumer --last 1h',
    'penstock usage --by team --filter "status>=500" --json | jq .rows',
  ],
  async run(values, _positionals, { out, isTty, env, interrupted }) {
    if (values.json && values.csv) throw new UsageError('Give either --json or --csv.')
    const format = values.json ? 'json' : values.csv ? 'csv' : isTty ? 'json' : 'ndjson'
    const query = new URLSearchParams({ format })
    for (const name of ['by', 'metric', 'last', 'from', 'to', 'filter', 'limit']) {
      const value = textOf(values, name)
      if (value !== undefined) query.set(name, value)
    }
    const answer = await ask(
      `${(textOf(values, 'url') ?? defaultUrl).replace(/\/+$/, '')}/v1/usage?${query}`,
      env.PENSTOCK_TOKEN,
      interrupted,
    )
    if (answer.status >= 400) return refuse(answer)
    if (!answer.type.startsWith(types[format])) throw new BackendError(notOurs(answer))
    out(
      format === 'json' && !values.json ? toText(JSON.parse(answer.body) as UsageResult) : `${answer.body.trimEnd()}\n`,
    ) // as the API's schema says
    return exitCodes.ok
  },
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly origin: string
}

async function ask(url: string, token: string | undefined, signal: AbortSignal): Promise<Answer> {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new UsageError('--url takes the address of a console, such as http://127.0.0.1:8083.')
  try {
    const response = await fetch(url, { signal, headers: token ? { authorization: `Bearer ${token}` } : {} })
    const { status, headers: named } = response
    return { status, type: named.get('content-type') ?? '', body: await response.text(), origin: new URL(url).origin }
  } catch (error) {
    signal.throwIfAborted()
    throw new BackendError(
      `No console answers at ${new URL(url).origin}. Start one with penstock start, or name another with --url.`,
      { cause: error },
    )
  }
}

const types = { json: 'application/json', ndjson: 'application/x-ndjson', csv: 'text/csv' } as const

function notOurs({ origin, status }: Answer): string {
  return `Something else than a console of Penstock answers at ${origin}, with HTTP ${status}. Name the console with --url.`
}

function refuse(answer: Answer): never {
  const { status, type, body } = answer
  if (status !== 401 && status < 500 && !type.startsWith('application/problem+json'))
    throw new BackendError(notOurs(answer))
  const detail = problemDetail(body)
  if (status === 401)
    throw new UsageError('The console asks for a token: set PENSTOCK_TOKEN to the one in its configuration.')
  if (status < 500) throw new UsageError(detail)
  throw new BackendError(`The console could not answer: ${detail}`)
}

function problemDetail(body: string): string {
  try {
    const { detail, title } = JSON.parse(body) as { detail?: string; title?: string } // a problem, or whatever stands before the console
    return detail ?? title ?? body
  } catch {
    return body // no problem document: what the server said is the best there is
  }
}

/** The answer as a table, with a bar for each row's share of the first metric. */
function toText({ from, to, by, metrics, rows, other, total, as_of }: UsageResult): string {
  const [first = 'calls'] = metrics
  const greatest = Math.max(...rows.map((row) => Number(row[first] ?? 0)), 1)
  const columns = [
    ...by.map((title) => ({ title })),
    ...metrics.map((title) => ({ title, align: 'right' as const })),
    { title: '' },
  ]
  const cells = rows.map((row) => [
    ...by.map((name) => String(row[name] ?? '') || '–'),
    ...metrics.map((name) => toValue(name, row[name])),
    '█'.repeat(Math.round((Number(row[first] ?? 0) / greatest) * 20)),
  ])
  if (other) cells.push(summary('other', by.length, metrics, other))
  cells.push(summary('total', by.length, metrics, total))
  const freshness = as_of === null ? 'no records yet' : `as of ${as_of}`
  return `${toTable(columns, cells)}${from} to ${to}, ${freshness}\n`
}

function summary(
  name: string,
  dimensions: number,
  metrics: readonly string[],
  values: Readonly<Record<string, number | null>>,
): string[] {
  return [
    name,
    ...Array.from({ length: dimensions - 1 }, () => ''),
    ...metrics.map((metric) => toValue(metric, values[metric])),
  ]
}

function toValue(metric: string, value: string | number | null | undefined): string {
  if (typeof value !== 'number') return '–'
  if (metric.endsWith('_rate')) return `${(value * 100).toFixed(2)} %`
  if (/^p\d+$/.test(metric)) return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`
  return Math.round(value).toLocaleString('en')
}
