import { Pool } from 'undici'
import { wait } from '../runtime/wait.ts'
import { type AccessLogEntry, parseAccessLog, readLines } from '../sources/access-log.ts'
import { type Command, exitCodes, textOf, UsageError } from './command.ts'
import { checkReadable } from './files.ts'

export interface ReplayOptions {
  /** Gateway to send to, such as http://127.0.0.1:8080. */
  readonly target: string
  /** Times the log's own pace; undefined sends as fast as answers come. */
  readonly speed?: number
  /** Requests on their way at once. */
  readonly concurrency: number
  /** API key, sent as a bearer token. */
  readonly key?: string
  readonly signal: AbortSignal
}

export interface ReplayResult {
  readonly sent: number
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Requests without an answer. */
  readonly failed: number
}

/** Tells a test upstream what the log says it answered: `STATUS BYTES`. */
export const replayHeader = 'x-replay-answer'

/** Sends every entry once, in order of the log, with the log's host as X-Forwarded-For. Nothing is sent again. */
export async function replay(entries: AsyncIterable<AccessLogEntry>, options: ReplayOptions): Promise<ReplayResult> {
  await using opened = new AsyncDisposableStack()
  const pool = opened.adopt(new Pool(options.target, { connections: options.concurrency, pipelining: 1 }), (pool) =>
    pool.destroy(),
  )
  const statuses = new Map<number, number>()
  const onTheWay = new Set<Promise<void>>()
  let sent = 0
  let failed = 0
  let firstAtMs: number | undefined
  const startedAtMs = Date.now()
  for await (const entry of entries) {
    options.signal.throwIfAborted()
    firstAtMs ??= entry.atMs
    if (options.speed !== undefined) {
      const dueMs = startedAtMs + (entry.atMs - firstAtMs) / options.speed
      if (dueMs > Date.now()) await wait(dueMs - Date.now(), options.signal)
    }
    sent++
    const request = send(pool, entry, options)
      .then((status) => void statuses.set(status, (statuses.get(status) ?? 0) + 1))
      .catch(() => void failed++)
      .finally(() => onTheWay.delete(request))
    onTheWay.add(request)
    if (onTheWay.size >= options.concurrency) await Promise.race(onTheWay)
  }
  await Promise.all(onTheWay)
  return { sent, statuses, failed }
}

async function send(pool: Pool, entry: AccessLogEntry, { key, signal }: ReplayOptions): Promise<number> {
  const { statusCode, body } = await pool.request({
    method: entry.method,
    path: entry.target,
    headers: {
      'x-forwarded-for': entry.host,
      [replayHeader]: `${entry.status} ${entry.bytes}`,
      ...(entry.userAgent ? { 'user-agent': entry.userAgent } : {}),
      ...(entry.referer ? { referer: entry.referer } : {}),
      ...(key ? { authorization: `Bearer ${key}` } : {}),
    },
    signal,
  })
  await body.dump({ limit: Number.MAX_SAFE_INTEGER })
  return statusCode
}

/** The entries of a log file; each line that is none is told to `onBadLine`. */
export async function* readAccessLog(
  file: string,
  onBadLine: (number: number) => void,
): AsyncGenerator<AccessLogEntry> {
  for await (const { number, line } of readLines(file)) {
    const entry = parseAccessLog(line)
    if (entry) yield entry
    else onBadLine(number)
  }
}

export const replayCommand: Command = {
  summary: 'Sends the requests of an access log through a gateway',
  usage: 'access-log FILE --target URL [--speed N]',
  operands: 2,
  options: {
    target: { type: 'string', value: 'URL', doc: 'Gateway to send to' },
    speed: { type: 'string', value: 'N', doc: 'Times the pace of the log; without it as fast as answers come' },
    concurrency: { type: 'string', value: 'N', doc: 'Requests on their way at once', default: '32' },
    key: { type: 'string', value: 'KEY', doc: 'API key, sent as a bearer token' },
  },
  examples: ['penstock replay access-log access.log.gz --target http://127.0.0.1:8080 --speed 60'],
  async run(values, [kind, file], { out, interrupted }) {
    if (kind !== 'access-log' || file === undefined)
      throw new UsageError('Say what to replay: penstock replay access-log FILE --target URL')
    const target = textOf(values, 'target')
    const { protocol = '', pathname = '' } = URL.parse(target ?? '') ?? {}
    if (target === undefined || !/^https?:$/.test(protocol) || pathname !== '/')
      throw new UsageError('--target takes the address of a gateway without a path, such as http://127.0.0.1:8080.')
    checkReadable(file)
    const concurrency = toPositive('concurrency', textOf(values, 'concurrency') ?? '')
    if (!Number.isInteger(concurrency)) throw new UsageError('--concurrency takes a whole number.')
    const speed = textOf(values, 'speed')
    const key = textOf(values, 'key')
    const badLines: number[] = []
    const result = await replay(
      readAccessLog(file, (number) => badLines.push(number)),
      {
        target,
        concurrency,
        signal: interrupted,
        ...(speed === undefined ? {} : { speed: toPositive('speed', speed) }),
        ...(key === undefined ? {} : { key }),
      },
    )
    out(`Sent ${result.sent} requests.\n`)
    for (const [status, count] of [...result.statuses].sort(([a], [b]) => a - b)) out(`  ${status}  ${count}\n`)
    if (result.failed > 0) out(`  without an answer  ${result.failed}\n`)
    if (badLines.length > 0) {
      const more = badLines.length > 10 ? ', …' : ''
      out(
        `Passed over ${badLines.length} lines that are not of an access log: ${badLines.slice(0, 10).join(', ')}${more}\n`,
      )
    }
    return result.failed > 0 ? exitCodes.backend : exitCodes.ok
  },
}

function toPositive(name: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new UsageError(`--${name} takes a number above 0, not "${text}".`)
  return number
}
