import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import type { Log } from '../runtime/log.ts'
import { OutOfMemoryError } from '../sinks/store/duckdb.ts'
import type { Store } from '../sinks/store/open.ts'
import { toCsv, toNdjson } from './format.ts'
import { plan, type Scope } from './plan.ts'
import { badRequest, ProblemError, problemResponse, problemType, toProblem } from './problem.ts'
import { QueryError, toQuery, usageParameters } from './query.ts'
import { toResult, type UsageResult, usageResult } from './result.ts'

/** Where questions are answered from. */
export type UsageSource = Pick<Store, 'query' | 'status'>

export interface UsageApiOptions {
  readonly store: UsageSource
  /** Whose records the asker may see. */
  readonly scope: Scope
  readonly log: Log
  readonly now?: () => number
  /** How long a question may take, milliseconds. */
  readonly timeoutMs?: number
}

const mediaTypes = { json: 'application/json', csv: 'text/csv', ndjson: 'application/x-ndjson' } as const
type Format = keyof typeof mediaTypes

const usageQuery = usageParameters.extend({
  format: z
    .enum(['json', 'csv', 'ndjson'])
    .optional()
    .describe('Form of the answer; default as the Accept header asks, else json'),
})

const health = z.object({
  status: z.literal('ok'),
  as_of: z.string().nullable().describe('When the newest record came in; null while there is none'),
  received_from: z.string().nullable().describe('Begin of the oldest hour that is kept; null while there is none'),
  records: z.int(),
  files: z.int(),
  bytes: z.int().describe('What the store takes on the disk, with the room it holds free for itself'),
  max_bytes: z.int(),
  evicted_records: z.int().describe('Let go because the disk limit was reached'),
  expired_records: z.int().describe('Let go because their time was over'),
  lost_records: z.int().describe('Whose files were missing'),
})

const failures = Object.fromEntries(
  Object.entries({ 400: 'A parameter is wrong', 422: 'The question is too large', 503: 'It took too long' }).map(
    ([status, description]) => [
      status,
      { description, content: { 'application/problem+json': { schema: problemType } } },
    ],
  ),
)

const usageRoute = createRoute({
  method: 'get',
  path: '/v1/usage',
  operationId: 'getUsage',
  summary: 'Metrics of the traffic, split by dimensions',
  request: { query: usageQuery },
  responses: {
    200: {
      description: 'The rows with most of the first metric, all others summed up, and the total',
      content: {
        'application/json': { schema: usageResult },
        'text/csv': { schema: z.string() },
        'application/x-ndjson': { schema: z.string() },
      },
    },
    ...failures,
  },
})

const healthRoute = createRoute({
  method: 'get',
  path: '/v1/health',
  operationId: 'getHealth',
  summary: 'What the store holds, and how fresh it is',
  responses: { 200: { description: 'The store answers', content: { 'application/json': { schema: health } } } },
})

/** 10 s: longer than any question that a person waits for; a question holds files that eviction may want. */
const defaultTimeoutMs = 10_000

/** The usage API: `/v1/usage`, `/v1/health` and `/openapi.json`. Whatever is wrong is answered with a problem. */
export function createUsageApi(options: UsageApiOptions): OpenAPIHono {
  const { store, scope, log, now = Date.now, timeoutMs = defaultTimeoutMs } = options
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (!result.success) return problemResponse(toProblem(result.error, Object.keys(usageQuery.shape)))
      return undefined
    },
  })

  app.openapi(usageRoute, async (context) => {
    const { format, ...parameters } = context.req.valid('query')
    const query = toQuery(parameters, now())
    const timeout = AbortSignal.timeout(timeoutMs)
    const answer = await store
      .query(plan(query, scope), AbortSignal.any([context.req.raw.signal, timeout]))
      .catch((error: unknown) => {
        throw timeout.aborted ? tooSlow(timeoutMs, error) : error
      })
    return render(toResult(query, answer), format ?? preferred(context.req.header('accept')))
  })

  app.openapi(healthRoute, (context) => {
    const status = store.status()
    return context.json(
      {
        status: 'ok' as const,
        as_of: iso(status.receivedAtMs),
        received_from: iso(status.oldestMs),
        records: status.rows,
        files: status.files,
        bytes: status.takenBytes,
        max_bytes: status.maxBytes,
        evicted_records: status.evictedRows,
        expired_records: status.expiredRows,
        lost_records: status.lostRows,
      },
      200,
      noStore,
    )
  })

  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Penstock usage API',
      version: '1',
      description: 'Who calls which endpoint, by how much, and how well it goes.',
    },
  })

  app.onError((error) => {
    if (error instanceof ProblemError) return problemResponse(error.problem)
    if (error instanceof QueryError) return problemResponse(badRequest([error]))
    if (error instanceof OutOfMemoryError) return problemResponse(tooLarge)
    log('error', 'Usage question failed.', { error })
    return problemResponse({
      title: 'Internal error',
      status: 500,
      detail: 'The answer could not be made; the log says why.',
    })
  })
  return app
}

const noStore = { 'cache-control': 'no-store' }

function render(result: UsageResult, format: Format): Response {
  const headers = { ...noStore, vary: 'accept' }
  if (format === 'json') return Response.json(result, { headers })
  const text = format === 'csv' ? toCsv(result) : toNdjson(result)
  return new Response(text, { headers: { ...headers, 'content-type': `${mediaTypes[format]}; charset=utf-8` } })
}

/** The form that an Accept header names first among ours. */
function preferred(accept = ''): Format {
  const wanted = accept.split(',').map((range) => range.split(';', 1)[0]?.trim().toLowerCase())
  const formats = Object.keys(mediaTypes) as Format[] // Object.keys loses the key type
  for (const type of wanted) {
    const format = formats.find((one) => mediaTypes[one] === type)
    if (format) return format
  }
  return 'json'
}

function tooSlow(timeoutMs: number, cause: unknown): ProblemError {
  const detail = `The question took longer than ${timeoutMs / 1000} s. Ask for a shorter time, or with a filter.`
  return new ProblemError({ title: 'Too slow', status: 503, detail }, { cause })
}

const tooLarge = {
  title: 'Too large',
  status: 422,
  detail:
    'The question needs more memory than the store may use. Ask for a shorter time, with a filter, or by a dimension with fewer values; or raise the store’s memoryBytes.',
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
